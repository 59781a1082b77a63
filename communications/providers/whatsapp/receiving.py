"""A verified request -> what it says: receipts, what people wrote, what they ask for."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from communications.providers.whatsapp.errors import (
    NO_CODE,
    PAIR_LIMIT,
    PAUSES,
    meta_error_class,
    meta_explanation,
)
from communications.providers.whatsapp.messages import (
    as_e164,
    echo_events,
    parse_unix_time,
    phone_number_id,
    received_events,
)
from communications.providers.whatsapp.templates import template_events
from communications.vocabulary.events import (
    ConsentChanged,
    ConsentKeyword,
    Event,
    Kind,
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import OptedOutOfMarketing
from wedsync_comms.lib.shapes import as_dicts, as_int
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
    yield from received_events(value)


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
        for_recipient=code == PAIR_LIMIT,
        closes=Reason.OPT_OUT if remedy is OptedOutOfMarketing else None,
    )


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
    "smb_message_echoes": echo_events,
    "user_preferences": preference_events,
    "message_template_status_update": template_events,
    "message_template_quality_update": template_events,
    "template_category_update": template_events,
    # It was edited: what it says now, its list tells.
    # https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_components_update
    "message_template_components_update": template_events,
}
