"""One number at Meta, as its tests know it."""

import json
from pathlib import Path
from typing import Any

from communications.providers.whatsapp import WhatsApp
from tests.communications.providers import signing
from wedsync_comms.lib.web.webhook_request import WebhookRequest

PAYLOADS = Path(__file__).parents[2] / "payloads" / "whatsapp"
NUMBER, ACCOUNT, SECRET = "106540352242922", "102290129340398", "app-secret"
THEIRS = "+447700900123"
URL = f"https://graph.facebook.com/v23.0/{NUMBER}/messages"
ECHO = "0193465e-0000-7c3e-9d52-000000000000 0193465e-5f0a-7c3e-9d52-000000000001"


def whatsapp(**values: Any) -> WhatsApp:
    usual = {
        "access_token": "token-1",
        "phone_number_id": NUMBER,
        "business_account_id": ACCOUNT,
        "app_secrets": [SECRET, "next-secret"],
        "verify_token": "hello",
    }
    return WhatsApp(**{**usual, **values})


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found


def change(field: str, **value: Any) -> dict[str, Any]:
    """One change, in a body of its own."""
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER}
    inside = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return wrapped({"field": field, "value": inside})


def wrapped(*changes: Any) -> dict[str, Any]:
    entry = {"id": ACCOUNT, "changes": list(changes)}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def request(body: Any) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebhookRequest(method="POST", url="", headers=signing.meta(raw, SECRET), body=raw)
