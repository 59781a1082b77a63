"""A verified request -> what it says: receipts, what people wrote, what they ask for."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from communications.providers.whatsapp.errors import (
    NO_CODE,
    PAUSES,
    meta_error_class,
    meta_explanation,
)
from communications.providers.whatsapp.templates import template_events
from communications.vocabulary import renumberings
from communications.vocabulary.events import (
    ConsentChanged,
    ConsentKeyword,
    Event,
    Kind,
    Media,
    MessageReceived,
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import OptedOutOfMarketing
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_int
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#statuses-object
STATUSES: dict[str, tuple[Kind, Status]] = {
    "sent": (Kind.SENT, Status.SENT),
    # Left out by Meta where the message is read at once.
    "delivered": (Kind.DELIVERED, Status.DELIVERED),
    "read": (Kind.READ, Status.READ),
    "played": (Kind.READ, Status.READ),
    "failed": (Kind.FAILED, Status.FAILED),
}

# Inbound messages that do not open the 24-hour window.
WINDOWLESS = {"system", "reaction", "unsupported"}
MEDIA = ("image", "video", "audio", "document", "sticker")
MARKETING = "marketing_messages"
TEST_ID = "wamid.wedsync-test"


def changed_field_names(request: WebhookRequest) -> str:
    """Returns the fields a webhook is about, sorted, at most 80 characters."""
    fields = {str(change.get("field", "")) for change in meta_changes(request)}
    return ", ".join(sorted(fields))[:80]


def meta_events(request: WebhookRequest) -> Iterator[Event]:
    """Yields the events of all changes in a webhook that are about us."""
    for change in meta_changes(request):
        read = FIELDS.get(str(change.get("field")))
        value = change.get("value")
        if read is not None and isinstance(value, dict):
            yield from read(value)


def meta_changes(request: WebhookRequest) -> list[dict[str, Any]]:
    return [
        change
        for entry in as_dicts(request.json().get("entry"))
        for change in as_dicts(entry.get("changes"))
    ]


def message_events(value: dict[str, Any]) -> Iterator[Event]:
    for status in as_dicts(value.get("statuses")):
        if str(status.get("status")) in STATUSES and not str(status.get("id")).startswith(TEST_ID):
            yield meta_receipt(status)
    names = {
        str(item.get("wa_id") or item.get("user_id")): item
        for item in as_dicts(value.get("contacts"))
    }
    to = phone_number_id(value)
    for message in as_dicts(value.get("messages")):
        yield meta_message(message, names, to)


def meta_receipt(status: Mapping[str, Any]) -> StatusChanged:
    kind, point = STATUSES[str(status["status"])]
    call, _, message = str(status.get("biz_opaque_callback_data", "")).partition(" ")
    error = next(iter(as_dicts(status.get("errors"))), {})
    code = as_int(error.get("code"), NO_CODE)
    remedy = meta_error_class(HTTPStatus.BAD_REQUEST, code) if point is Status.FAILED else None
    return StatusChanged(
        kind=kind,
        status=point,
        provider_id=str(status.get("id", "")),
        call=call,
        message=message,
        occurred_at=parse_unix_time(status.get("timestamp")),
        code=str(code) if code != NO_CODE else "",
        detail=meta_explanation(error, "title"),
        remedy=remedy,
        retry_after=PAUSES.get(code, timedelta(0)),
        closes=Reason.OPT_OUT if remedy is OptedOutOfMarketing else None,
    )


def meta_message(message: dict[str, Any], names: dict[str, Any], to: str) -> MessageReceived:
    # Since 2026 a person with a user name may write without showing a number.
    sender = str(message.get("from") or message.get("from_user_id") or "")
    profile = as_dict(as_dict(names.get(sender)).get("profile"))
    kind = str(message.get("type", ""))
    text = readable_text(kind, message)
    return MessageReceived(
        channel="whatsapp",
        provider_id=str(message.get("id", "")),
        sender=as_e164(sender),
        sender_name=str(profile.get("name") or profile.get("username") or ""),
        handle=str(message.get("from_user_id") or ""),
        to=(to,),
        subject="",
        text=text,
        media=media_of(kind, message),
        occurred_at=parse_unix_time(message.get("timestamp")),
        opens_service_window=kind not in WINDOWLESS,
        template_button=template_button(kind, message),
    )


def readable_text(kind: str, message: dict[str, Any]) -> str:
    """Returns what a person would read; for kinds without words, their name in brackets."""
    value = message.get(kind)
    words = TEXT_READERS.get(kind, caption_text)(value) if isinstance(value, dict) else ""
    return words or f"[{kind or 'unknown'}]"


def caption_text(value: dict[str, Any]) -> str:
    return str(value.get("caption") or "")


def template_button(kind: str, message: dict[str, Any]) -> tuple[str, ...]:
    """Returns what a template's quick reply says and carries; empty for anything else."""
    if kind != "button":
        return ()
    value = as_dict(message.get("button"))
    return tuple(str(value.get(name) or "") for name in ("text", "payload"))


def chosen_title(value: dict[str, Any]) -> str:
    answer = as_dict(value.get(str(value.get("type"))))
    return str(answer.get("title") or "")


def location_text(value: dict[str, Any]) -> str:
    names = ("name", "address", "latitude", "longitude")
    return " ".join(str(value[name]) for name in names if name in value)


TEXT_READERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": lambda value: str(value.get("body") or ""),
    "button": lambda value: str(value.get("text") or ""),
    "reaction": lambda value: str(value.get("emoji") or ""),
    "interactive": chosen_title,
    "location": location_text,
}


def media_of(kind: str, message: dict[str, Any]) -> tuple[Media, ...]:
    """Returns the file of a message.

    Meta gives an id, which its media endpoint turns into a link that works for minutes.
    """
    value = message.get(kind)
    if kind not in MEDIA or not isinstance(value, dict):
        return ()
    return (Media(url=str(value.get("id", "")), content_type=str(value.get("mime_type", ""))),)


def as_e164(sender: str) -> str:
    """Returns a number as we keep it; whatever else a person may be known by stays as it is."""
    if not (sender.isascii() and sender.isdigit()):
        return sender
    # Its ids keep the digits of numbering plans that were given up since.
    return renumberings.present_number(f"+{sender}")


def phone_number_id(value: dict[str, Any]) -> str:
    """Returns Meta's id of our number that a change is about."""
    return str(as_dict(value.get("metadata")).get("phone_number_id", ""))


PREFERENCES = {
    "stop": ConsentKeyword.STOP,
    "resume": ConsentKeyword.START,
    "signup": ConsentKeyword.START,
}


def preference_events(value: dict[str, Any]) -> Iterator[Event]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/user_preferences"""
    for item in as_dicts(value.get("user_preferences")):
        wanted = PREFERENCES.get(str(item.get("value")))
        person = str(item.get("wa_id") or item.get("user_id") or "")
        if wanted is None or not person:
            continue
        yield ConsentChanged(
            channel="whatsapp",
            value=as_e164(person),
            to=phone_number_id(value),
            keyword=wanted,
            marketing_only=item.get("category", MARKETING) == MARKETING,
            occurred_at=parse_unix_time(item.get("timestamp")),
            detail=str(item.get("detail", "")),
        )


FIELDS: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
    "messages": message_events,
    "user_preferences": preference_events,
    "message_template_status_update": template_events,
    "message_template_quality_update": template_events,
    "template_category_update": template_events,
}


def parse_unix_time(value: Any) -> datetime:
    """Returns the time that Unix seconds, as a string or as a number, stand for."""
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 12:  # noqa: PLR2004
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.now(UTC)
