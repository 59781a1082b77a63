"""Webhooks: status callbacks to the address of the message, incoming messages to the account's.

https://www.twilio.com/docs/usage/webhooks/messaging-webhooks
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from sandbox.lib.times import now
from sandbox.webhooks.courier import Attempt
from sandbox.webhooks.signing import twilio_signature
from sandbox.webhooks.webhook import Delivery, Manners

from .message import VERSION, WHATSAPP, Message, explain

# The token as it is by then: a setting can change it.
TokenOf = Callable[[], str]

POSTED_AS: Mapping[str, str] = {
    "user-agent": "TwilioProxy/1.1",
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    "accept": "*/*",
    "x-home-region": "us1",
}
# At most five more attempts, and by default one, right after the first (connection overrides).
RETRY_AFTER = (1.0,) * 5
USUAL_RETRIES = 1
USUAL_REASONS = "ct"


def manners(token_of: TokenOf) -> Manners:
    return Manners(
        sign=partial(_sign, token_of),
        forge=partial(_sign, lambda: "not the token"),
        headers=POSTED_AS,
        retry_after=RETRY_AFTER,
        tries_again=tries_again,
    )


def tries_again(delivery: Delivery, attempt: Attempt) -> bool:
    """Returns whether to try again: only if no connection came about, unless the address says
    otherwise behind its ``#``.

    https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """
    wanted = dict(parse_qsl(urlsplit(delivery.target or delivery.url).fragment))
    most = int(wanted["rc"]) if re.fullmatch("[0-5]", wanted.get("rc", "")) else USUAL_RETRIES
    reasons = wanted.get("rp", USUAL_REASONS).split(",")
    return delivery.failures < most and ("all" in reasons or _reason(attempt) in reasons)


def _reason(attempt: Attempt) -> str:
    if attempt.status is None:
        return "ct" if attempt.broke == "connect" else "rt"
    return f"{attempt.status // 100}xx"


def _sign(token_of: TokenOf, delivery: Delivery, _timestamp: int) -> dict[str, str]:
    fields = parse_qsl(delivery.body.decode(), keep_blank_values=True)
    return {
        "x-twilio-signature": twilio_signature(token_of(), delivery.url, fields),
        "i-twilio-idempotency-token": str(uuid5(NAMESPACE_URL, delivery.id)),
    }


def status_callback(message: Message) -> Delivery:
    address = urlsplit(message.status_callback)
    return Delivery(
        kind=f"status.{message.status}",
        about=message.sid,
        body=urlencode(status_form(message)).encode(),
        whom=message.phone,
        # A host alone is called with its slash, and signed so.
        target=urlunsplit(address._replace(path=address.path or "/")),
    )


def status_form(message: Message) -> dict[str, str]:
    form = {
        "AccountSid": message.account_sid,
        "ApiVersion": VERSION,
        "From": message.sender or "",
        "MessageSid": message.sid,
        "MessageStatus": message.status,
        "SmsSid": message.sid,
        "SmsStatus": message.status,
        "To": message.to,
    }
    if message.service_sid:
        form["MessagingServiceSid"] = message.service_sid
    if message.error_code is not None:
        form["ErrorCode"] = str(message.error_code)
        form["ErrorMessage"] = explain(message.error_code) or ""
    if message.channel == "whatsapp":
        form |= {"ChannelPrefix": "whatsapp", "ChannelInstallSid": "XE" + message.sid[2:]}
        form |= {"EventType": message.status.upper()} if message.status == "read" else {}
    elif message.status in ("delivered", "undelivered"):
        form["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
    return form


def incoming(message: Message, extra: Mapping[str, str]) -> Delivery:
    kind = "mms" if message.media and message.channel == "sms" else message.channel
    return Delivery(
        kind=f"incoming.{kind}",
        about=message.sid,
        body=urlencode({**incoming_form(message), **extra}).encode(),
        whom=message.phone,
    )


def incoming_form(message: Message) -> dict[str, str]:
    form = {
        "AccountSid": message.account_sid,
        "ApiVersion": VERSION,
        "Body": message.body,
        "From": message.sender or "",
        "MessageSid": message.sid,
        "NumMedia": str(len(message.media)),
        "NumSegments": str(message.segments),
        "SmsMessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsStatus": "received",
        "To": message.to,
    }
    if message.service_sid:
        form["MessagingServiceSid"] = message.service_sid
    for place, medium in enumerate(message.media):
        form[f"MediaUrl{place}"] = medium.url
        form[f"MediaContentType{place}"] = medium.content_type
    if message.channel == "whatsapp":
        digits = (message.sender or "").removeprefix(WHATSAPP).removeprefix("+")
        return form | {"WaId": digits, "ProfileName": "Guest", "MessageType": "text"}
    places = ("City", "State", "Zip", "Country")
    return form | {side + place: "" for side in ("From", "To") for place in places}
