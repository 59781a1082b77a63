"""The values inside Meta's webhooks.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.whatsapp import errors

from .message import Json, Received, Sent
from .people import is_hidden, wa_id
from .templates import Template

# With whom a status is about money, and which one.
PRICED = frozenset({"sent", "delivered"})
UNKNOWN_TYPE = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}


@dataclass(frozen=True)
class Number:
    """The business's own."""

    id: str
    display: str = "15550783881"

    def head(self) -> Json:
        metadata = {"display_phone_number": self.display, "phone_number_id": self.id}
        return {"messaging_product": "whatsapp", "metadata": metadata}


def status(number: Number, sent: Sent, details: str = "") -> Json:
    event = sent.events[-1]
    shown: Json = {"id": sent.id, "status": event.status, "timestamp": _seconds(event.at)}
    if is_hidden(sent.phone):
        shown["recipient_user_id"] = sent.phone
    else:
        shown["recipient_id"] = wa_id(sent.phone)
    if sent.ours:
        shown["biz_opaque_callback_data"] = sent.ours
    if event.status in PRICED:
        shown["pricing"] = {
            "billable": sent.category != "service",
            "pricing_model": "PMP",
            "category": sent.category,
            "type": "regular" if sent.category != "service" else "free_customer_service",
        }
    if event.error_code is not None:
        shown["errors"] = [errors.later(event.error_code, details)]
    return {**number.head(), "statuses": [shown]}


def message(number: Number, received: Received, context: str = "") -> Json:
    shown: Json = {"id": received.id, "timestamp": _seconds(received.created_at)}
    if is_hidden(received.phone):
        shown["from_user_id"] = received.phone
    else:
        shown["from"] = wa_id(received.phone)
    if received.user_id:
        shown["from_user_id"] = received.user_id
    if context:
        shown["context"] = {"from": number.display, "id": context}
    shown["type"] = received.type
    if received.type == "unsupported":
        shown["errors"] = [UNKNOWN_TYPE]
    shown |= received.contents | received.extra
    value = {**number.head(), "messages": [shown]}
    if received.type != "system":
        value["contacts"] = [_contact(received)]
    return value


def _contact(received: Received) -> Json:
    profile = {"profile": {"name": received.name}}
    if is_hidden(received.phone):
        return {**profile, "user_id": received.phone}
    shown: Json = {**profile, "wa_id": wa_id(received.phone)}
    return shown | ({"user_id": received.user_id} if received.user_id else {})


def preference(number: Number, phone: str, value: str, at: datetime) -> Json:
    choice = "stop" if value == "stop" else "resume"
    shown = {
        "wa_id": wa_id(phone),
        "detail": f"User requested to {choice} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(at.timestamp()),
    }
    contact = {"profile": {"name": "Guest"}, "wa_id": wa_id(phone)}
    return {**number.head(), "contacts": [contact], "user_preferences": [shown]}


def _about(template: Template) -> Json:
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
    }


def template_status(template: Template) -> Json:
    return {**_about(template), "event": template.status, "reason": template.rejected_reason}


def template_quality(template: Template, before: str) -> Json:
    scores = {"previous_quality_score": before, "new_quality_score": template.quality}
    return {**scores, **_about(template)}


def template_category(template: Template, before: str) -> Json:
    return {**_about(template), "previous_category": before, "new_category": template.category}


def account(number: Number, event: str, details: Any) -> Json:
    """Returns an event of the account; ``details`` belong to it, such as ``ban_info``."""
    return {"phone_number": number.display, "event": event, **details}


def number_quality(number: Number, event: str, limit: str) -> Json:
    return {"display_phone_number": number.display, "event": event, "current_limit": limit}


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))
