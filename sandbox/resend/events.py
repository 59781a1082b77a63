"""Webhook payloads, as the ``webhooks`` part of the official OpenAPI file describes them."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.lib.times import iso, now

from .mail import Mail, Received

Json = dict[str, Any]
# Looking up a mail's own facts: a link in its body, its first recipient.
Details = Callable[[Mail], Json]


def bounce(mail: Mail) -> Json:
    return {
        "type": "Permanent",
        "subType": "General",
        "message": "The recipient's email provider sent a hard bounce message.",
        "diagnosticCode": [f"smtp; 550 5.1.1 <{address}>: user unknown" for address in mail.to],
    }


def click(mail: Mail) -> Json:
    return {
        "ipAddress": "203.0.113.7",
        "link": first_link(mail.html or mail.text or "") or "https://wedsync.example/",
        "timestamp": iso(now()),
        "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
    }


def failed(_: Mail) -> Json:
    return {"reason": "reached_daily_quota"}


def suppressed(mail: Mail) -> Json:
    return {
        "type": "OnAccountSuppressionList",
        "reason": "previous_bounce",
        "message": "Resend has suppressed sending to this address because it is on the "
        "account-level suppression list.",
        "diagnosticCode": [f"smtp; suppressed <{address}>" for address in mail.to],
    }


# event -> the object it carries beside the mail's own data
EXTRAS: Mapping[str, tuple[str, Details]] = {
    "bounced": ("bounce", bounce),
    "clicked": ("click", click),
    "failed": ("failed", failed),
    "suppressed": ("suppressed", suppressed),
}

EVENTS = (
    "sent",
    "scheduled",
    "delivered",
    "delivery_delayed",
    "bounced",
    "complained",
    "opened",
    "clicked",
    "failed",
    "suppressed",
)
ALIASES = {"delayed": "delivery_delayed"}


def event_name(given: Any) -> str | None:
    """Returns the full name of ``delivered``, ``email.delivered`` or ``delayed``."""
    name = str(given).removeprefix("email.")
    name = ALIASES.get(name, name)
    return name if name in EVENTS else None


def payload(mail: Mail, event: str, details: Json) -> Json:
    data: Json = {
        "email_id": mail.id,
        "created_at": iso(mail.created_at),
        "from": mail.sender,
        "to": mail.to,
        "subject": mail.subject,
        # Since July 2026: https://resend.com/changelog/message-id-for-sent-emails
        "message_id": mail.message_id,
    }
    if mail.tags:
        data["tags"] = mail.tags
    if mail.headers:
        data["headers"] = [{"name": name, "value": value} for name, value in mail.headers.items()]
    if template := mail.request.get("template"):
        data["template_id"] = template["id"]
    if event in EXTRAS:
        key, usual = EXTRAS[event]
        data[key] = {**usual(mail), **details}
    return {"type": f"email.{event}", "created_at": iso(now()), "data": data}


def received_payload(received: Received) -> Json:
    """Facts about the mail only: the bodies have to be fetched."""
    data = {
        "email_id": received.id,
        "created_at": iso(received.created_at),
        "from": received.sender,
        "to": received.to,
        "bcc": received.bcc,
        "cc": received.cc,
        "message_id": received.message_id,
        "subject": received.subject,
        "attachments": [attachment.as_json() for attachment in received.attachments],
    }
    return {"type": "email.received", "created_at": iso(now()), "data": data}


def first_link(body: str) -> str | None:
    for start in ("https://", "http://"):
        if start in body:
            rest = body[body.index(start) :]
            end = min((rest.find(stop) for stop in "\"'<> \n\r" if stop in rest), default=len(rest))
            return rest[:end]
    return None
