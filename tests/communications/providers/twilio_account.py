"""One account at Twilio, as its tests know it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from communications.providers.twilio import Twilio, TwilioWhatsApp
from tests.communications.providers import signing
from wedsync_comms.lib.web.webhook_request import WebhookRequest

PAYLOADS = Path(__file__).parents[2] / "payloads" / "twilio"
SID = "AC" + "5a" * 16
TOKEN, NEXT_TOKEN = "token-1", "token-2"
OURS, THEIRS = "+15550100100", "+447700900123"
URL = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"
CALLBACK = "https://hooks.example/api/webhooks/communications/twilio"
ECHO = "call=0193465e-0000-7c3e-9d52-000000000000&message=0193465e-5f0a-7c3e-9d52-000000000001"
FORM = "application/x-www-form-urlencoded"


def options(**values: Any) -> dict[str, Any]:
    usual = {"account_sid": SID, "auth_tokens": [TOKEN, NEXT_TOKEN], "sender": OURS}
    return {**usual, "callback_url": CALLBACK, **values}


def twilio(**values: Any) -> Twilio:
    return Twilio(**options(**values))


def twilio_whatsapp(**values: Any) -> TwilioWhatsApp:
    return TwilioWhatsApp(**options(**values))


def payload(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found


def request(
    fields: dict[str, str] | signing.Fields,
    *,
    url: str = f"{CALLBACK}?{ECHO}",
    token: str = TOKEN,
    signed_url: str = "",
    **headers: str,
) -> WebhookRequest:
    """Signed and posted; `signed_url` is another spelling of the address."""
    pairs = list(fields.items()) if isinstance(fields, dict) else fields
    signature = signing.twilio(signed_url or url, pairs, token)
    return WebhookRequest(
        method="POST",
        url=url,
        headers={
            "content-type": FORM,
            "x-twilio-signature": signature,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        body=urlencode(pairs).encode(),
    )
