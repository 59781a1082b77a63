"""A verified request -> what it says: receipts, and messages that people wrote."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from communications.providers.twilio.errors import ERRORS, PAIR_LIMIT, PAUSES, REASONS
from communications.vocabulary.contents import location, location_text, readable_lines
from communications.vocabulary.events import (
    ConsentKeyword,
    Event,
    Kind,
    Media,
    MessageReceived,
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import MalformedRequest, OptedOut
from wedsync_comms.lib.outside_json import as_storable
from wedsync_comms.lib.shapes import as_int
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
# "Undelivered" is a failure here and not a bounce: a later receipt from the handset disproves it.
STATUSES: dict[str, tuple[Kind, Status]] = {
    "accepted": (Kind.OTHER, Status.SENT),
    "scheduled": (Kind.OTHER, Status.SENT),
    "queued": (Kind.OTHER, Status.SENT),
    "sending": (Kind.OTHER, Status.SENT),
    "sent": (Kind.SENT, Status.SENT),
    "delivered": (Kind.DELIVERED, Status.DELIVERED),
    "partially_delivered": (Kind.DELIVERED, Status.DELIVERED),
    "read": (Kind.READ, Status.READ),
    "undelivered": (Kind.FAILED, Status.FAILED),
    "failed": (Kind.FAILED, Status.FAILED),
    "canceled": (Kind.FAILED, Status.FAILED),
}
MAX_MEDIA = 10
# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out, and what a text alone says.
CONSENT_KEYWORDS = {
    **dict.fromkeys(
        ("stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"),
        ConsentKeyword.STOP,
    ),
    **dict.fromkeys(("start", "yes", "unstop"), ConsentKeyword.START),
    **dict.fromkeys(("help", "info"), ConsentKeyword.HELP),
}
WHATSAPP = "whatsapp:"
# https://www.twilio.com/docs/messaging/guides/webhook-request, of WhatsApp's quick replies.
BUTTON_FIELDS = ("ButtonText", "ButtonPayload")
# On the samples we sign ourselves: they are about no message.
TEST_FIELD = "WedSyncTest"


def form_text(request: WebhookRequest) -> str:
    """Returns the body as text. Raises MalformedRequest if it is not UTF-8."""
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("The body is not a form in UTF-8.") from error


def form_fields(request: WebhookRequest) -> dict[str, str]:
    return dict(parse_qsl(form_text(request), keep_blank_values=True))


def twilio_event_type(request: WebhookRequest) -> str:
    """Returns Twilio's own word for what happened; blank where it has none."""
    fields = form_fields(request)
    return fields.get("MessageStatus") or fields.get("SmsStatus") or ""


def twilio_event_id(request: WebhookRequest) -> str:
    """Returns Twilio's own token, or what tells two callbacks apart.

    The token is the same when Twilio delivers again.
    """
    token = request.headers.get("i-twilio-idempotency-token", "")
    if token:
        return token
    fields = form_fields(request)
    if not message_sid(fields):
        # Two of them are told apart by what they say.
        return hashlib.sha256(request.body).hexdigest()
    return ":".join(
        (message_sid(fields), *(fields.get(name, "") for name in ("MessageStatus", "ErrorCode")))
    )


def message_sid(fields: Mapping[str, str]) -> str:
    """Returns Twilio's id of the message, by whichever of its names; blank where it has none."""
    names = ("MessageSid", "SmsSid", "SmsMessageSid")
    return next((fields[name] for name in names if fields.get(name)), "")


def twilio_events(request: WebhookRequest) -> Iterator[Event]:
    """Yields the received message, or the receipt, of a callback."""
    fields = form_fields(request)
    if TEST_FIELD in fields:
        return
    status = twilio_event_type(request)
    if status in {"received", "receiving"}:
        yield twilio_message(fields)
    elif status in STATUSES and message_sid(fields):
        echoed = dict(parse_qsl(urlsplit(request.url).query))
        yield twilio_receipt(
            status,
            message_sid(fields),
            fields.get("ErrorCode", ""),
            fields.get("ErrorMessage") or fields.get("ChannelStatusMessage", ""),
            echoed,
        )


def twilio_receipt(
    status: str,
    provider_id: str,
    code: str,
    detail: str,
    echoed: Mapping[str, str],
) -> StatusChanged:
    """Returns a receipt without a time, and in no order: Twilio sends neither."""
    kind, point = STATUSES[status]
    number = as_int(code, 0)
    remedy = ERRORS.get(number)
    failed = point is Status.FAILED
    return StatusChanged(
        kind=kind,
        status=point,
        provider_id=provider_id,
        call=echoed.get("call", ""),
        message=echoed.get("message", ""),
        occurred_at=datetime.now(UTC),
        code=code,
        detail=detail or REASONS.get(number, ""),
        remedy=remedy if failed else None,
        retry_after=PAUSES.get(number, timedelta(0)),
        for_recipient=number == PAIR_LIMIT,
        closes=Reason.OPT_OUT if failed and remedy is OptedOut else None,
    )


def twilio_message(fields: Mapping[str, str]) -> MessageReceived:
    sender, to = fields.get("From", ""), fields.get("To", "")
    content = twilio_content(fields)
    text = fields.get("Body", "")
    said = (fields.get("OptOutType") or text).strip().lower()
    return MessageReceived(
        channel="whatsapp" if sender.startswith(WHATSAPP) else "sms",
        provider_id=message_sid(fields),
        sender=sender.removeprefix(WHATSAPP),
        sender_name=fields.get("ProfileName", ""),
        handle=fields.get("ExternalUserId", ""),
        to=(to.removeprefix(WHATSAPP),),
        subject="",
        text=text or content_text(content, fields),
        content=content,
        media=tuple(
            Media(
                url=fields.get(f"MediaUrl{place}", ""),
                content_type=fields.get(f"MediaContentType{place}", ""),
            )
            for place in range(min(as_int(fields.get("NumMedia"), 0), MAX_MEDIA))
        ),
        quotes=fields.get("OriginalRepliedMessageSid", ""),
        occurred_at=datetime.now(UTC),
        opens_service_window=sender.startswith(WHATSAPP),
        keyword=CONSENT_KEYWORDS.get(said),
        template_button=tuple(fields[name] for name in BUTTON_FIELDS if name in fields),
    )


def twilio_content(fields: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the text cannot hold: a place, a form's answers, a button, an advertisement.

    https://www.twilio.com/docs/messaging/guides/webhook-request
    """
    found = answered_content(fields)
    if "true" in {fields.get("Forwarded"), fields.get("FrequentlyForwarded")}:
        found = {"kind": "text", **found, "forwarded": True}
    if referral := {name: value for name, value in fields.items() if name.startswith("Referral")}:
        found = {"kind": "text", **found, "referral": referral}
    stored: dict[str, Any] = as_storable(found)
    return stored


def answered_content(fields: Mapping[str, str]) -> dict[str, Any]:
    if "Latitude" in fields and "Longitude" in fields:
        return location({name: fields.get(theirs) for name, theirs in PLACE.items()})
    if flow := fields.get("FlowData") or fields.get("InteractiveData"):
        return {"kind": "flow", "fields": form_answers(flow)}
    if "ButtonPayload" in fields:
        return {"kind": "button", "payload": fields["ButtonPayload"]}
    if "ListId" in fields:
        return {"kind": "list_reply", "id": fields["ListId"], "title": fields.get("ListTitle", "")}
    return {}


PLACE = {"name": "Label", "address": "Address", "latitude": "Latitude", "longitude": "Longitude"}


def form_answers(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"answer": text}


def content_text(content: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    """Returns the words for what came without any."""
    kind = content.get("kind")
    if kind == "location":
        return location_text(content)
    if kind == "flow":
        return readable_lines(content["fields"])
    return fields.get("ButtonText") or fields.get("ListTitle") or ""
