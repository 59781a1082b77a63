"""A verified request -> what it says: receipts, messages that people wrote, what they wish."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from communications.providers.whatsapp.errors import (
    BAD_REQUEST,
    NO_CODE,
    PAUSES,
    error_class,
    explanation,
)
from communications.providers.whatsapp.templates import template_changed
from communications.vocabulary.events import (
    ConsentChanged,
    Event,
    Kind,
    Media,
    MessageReceived,
    Reason,
    StatusChanged,
    Wish,
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
# WhatsApp's own ids keep what the numbering plans of two countries have given up: without Brazil's
# ninth digit, with Mexico's 1.
SPELLINGS = (
    (re.compile(r"55(\d\d)([6-9]\d{7})"), r"55\g<1>9\g<2>"),
    (re.compile(r"521(\d{10})"), r"52\g<1>"),
)
MARKETING = "marketing_messages"
STOP_WORDS, START_WORDS = {"stop", "unsubscribe"}, {"start", "unstop"}
TEST_ID = "wamid.wedsync-test"


def topic(request: WebhookRequest) -> str:
    fields = {str(change.get("field", "")) for change in changes(request)}
    return ", ".join(sorted(fields))[:80]


def events(request: WebhookRequest) -> Iterator[Event]:
    for change in changes(request):
        read = FIELDS.get(str(change.get("field")))
        value = change.get("value")
        if read is not None and isinstance(value, dict):
            yield from read(value)


def changes(request: WebhookRequest) -> list[dict[str, Any]]:
    return [
        change
        for entry in as_dicts(request.json().get("entry"))
        for change in as_dicts(entry.get("changes"))
    ]


def messages(value: dict[str, Any]) -> Iterator[Event]:
    for status in as_dicts(value.get("statuses")):
        if str(status.get("status")) in STATUSES and not str(status.get("id")).startswith(TEST_ID):
            yield status_changed(status)
    names = {
        str(one.get("wa_id") or one.get("user_id")): one for one in as_dicts(value.get("contacts"))
    }
    to = number_id(value)
    for message in as_dicts(value.get("messages")):
        yield received(message, names, to)


def status_changed(status: Mapping[str, Any]) -> StatusChanged:
    kind, point = STATUSES[str(status["status"])]
    call, _, message = str(status.get("biz_opaque_callback_data", "")).partition(" ")
    error = next(iter(as_dicts(status.get("errors"))), {})
    code = as_int(error.get("code"), NO_CODE)
    remedy = error_class(BAD_REQUEST, code) if point is Status.FAILED else None
    return StatusChanged(
        kind=kind,
        status=point,
        provider_id=str(status.get("id", "")),
        call=call,
        message=message,
        occurred_at=moment(status.get("timestamp")),
        code=str(code) if code != NO_CODE else "",
        detail=explanation(error, "title"),
        remedy=remedy,
        retry_after=PAUSES.get(code, timedelta(0)),
        closes=Reason.OPT_OUT if remedy is OptedOutOfMarketing else None,
    )


def received(message: dict[str, Any], names: dict[str, Any], to: str) -> MessageReceived:
    # Since 2026 a person with a user name may write without showing a number.
    sender = str(message.get("from") or message.get("from_user_id") or "")
    profile = as_dict(as_dict(names.get(sender)).get("profile"))
    kind = str(message.get("type", ""))
    text = text_of(kind, message)
    return MessageReceived(
        channel="whatsapp",
        provider_id=str(message.get("id", "")),
        sender=as_number(sender),
        sender_name=str(profile.get("name") or profile.get("username") or ""),
        handle=str(message.get("from_user_id") or ""),
        to=(to,),
        subject="",
        text=text,
        media=media_of(kind, message),
        occurred_at=moment(message.get("timestamp")),
        opens_window=kind not in WINDOWLESS,
        wish=wish(text),
    )


def text_of(kind: str, message: dict[str, Any]) -> str:
    """What a person would read; for kinds without words, their name in brackets."""
    value = message.get(kind)
    words = WORDS.get(kind, caption)(value) if isinstance(value, dict) else ""
    return words or f"[{kind or 'unknown'}]"


def caption(value: dict[str, Any]) -> str:
    return str(value.get("caption") or "")


def chosen(value: dict[str, Any]) -> str:
    answer = as_dict(value.get(str(value.get("type"))))
    return str(answer.get("title") or "")


def place(value: dict[str, Any]) -> str:
    names = ("name", "address", "latitude", "longitude")
    return " ".join(str(value[name]) for name in names if name in value)


WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": lambda value: str(value.get("body") or ""),
    "button": lambda value: str(value.get("text") or ""),
    "reaction": lambda value: str(value.get("emoji") or ""),
    "interactive": chosen,
    "location": place,
}


def media_of(kind: str, message: dict[str, Any]) -> tuple[Media, ...]:
    """Meta gives an id, which its media endpoint turns into a link that works for minutes."""
    value = message.get(kind)
    if kind not in MEDIA or not isinstance(value, dict):
        return ()
    return (Media(url=str(value.get("id", "")), content_type=str(value.get("mime_type", ""))),)


def as_number(sender: str) -> str:
    """A number as we keep it; whatever else a person may be known by stays as it is."""
    if not (sender.isascii() and sender.isdigit()):
        return sender
    for theirs, ours in SPELLINGS:
        if found := theirs.fullmatch(sender):
            return f"+{found.expand(ours)}"
    return f"+{sender}"


def number_id(value: dict[str, Any]) -> str:
    return str(as_dict(value.get("metadata")).get("phone_number_id", ""))


def wish(text: str) -> Wish | None:
    said = text.strip().lower()
    if said in STOP_WORDS:
        return Wish.STOP
    return Wish.START if said in START_WORDS else None


PREFERENCES = {"stop": Wish.STOP, "resume": Wish.START, "signup": Wish.START}


def preferences(value: dict[str, Any]) -> Iterator[Event]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/user_preferences"""
    for one in as_dicts(value.get("user_preferences")):
        wanted = PREFERENCES.get(str(one.get("value")))
        person = str(one.get("wa_id") or one.get("user_id") or "")
        if wanted is None or not person:
            continue
        yield ConsentChanged(
            channel="whatsapp",
            value=as_number(person),
            to=number_id(value),
            wish=wanted,
            marketing_only=one.get("category", MARKETING) == MARKETING,
            occurred_at=moment(one.get("timestamp")),
            detail=str(one.get("detail", "")),
        )


FIELDS: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
    "messages": messages,
    "user_preferences": preferences,
    "message_template_status_update": template_changed,
    "message_template_quality_update": template_changed,
    "template_category_update": template_changed,
}


def moment(value: Any) -> datetime:
    """Unix seconds, as a string or as a number."""
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 12:  # noqa: PLR2004
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.now(UTC)
