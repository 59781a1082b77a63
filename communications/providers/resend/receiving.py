"""A verified request -> what it says: receipts, closed addresses, mails that people wrote."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from communications.providers.resend.errors import QUOTA_PAUSE, QUOTA_PAUSES
from communications.providers.resend.mail_headers import (
    first_id,
    header_texts,
    header_values,
    read_mail_headers,
)
from communications.vocabulary import email_addresses
from communications.vocabulary.email_addresses import Mailbox
from communications.vocabulary.events import (
    AddressClosed,
    Event,
    Kind,
    Media,
    MessageReceived,
    Reason,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import (
    MalformedRequest,
    ProviderError,
    QuotaExceeded,
    SenderRejected,
)
from wedsync_comms.lib.shapes import as_dict, as_dicts, plausible_moment
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# https://resend.com/docs/dashboard/webhooks/event-types
# An open or a click proves the delivery; neither is a status of its own, since mail programs
# open mails on nobody's behalf.
EVENTS: dict[str, tuple[Kind, Status | None]] = {
    "email.scheduled": (Kind.OTHER, Status.SENT),
    "email.sent": (Kind.SENT, Status.SENT),
    "email.delivery_delayed": (Kind.DELAYED, Status.SENT),
    "email.delivered": (Kind.DELIVERED, Status.DELIVERED),
    "email.opened": (Kind.OPENED, Status.DELIVERED),
    "email.clicked": (Kind.CLICKED, Status.DELIVERED),
    "email.complained": (Kind.COMPLAINED, Status.DELIVERED),
    "email.bounced": (Kind.BOUNCED, Status.BOUNCED),
    "email.failed": (Kind.FAILED, Status.FAILED),
    "email.suppressed": (Kind.FAILED, Status.FAILED),
}
# GET /emails/{id} says the same without the prefix, and "canceled" and "queued" besides.
LAST_EVENTS: dict[str, tuple[Kind, Status | None]] = {
    **{name.removeprefix("email."): value for name, value in EVENTS.items()},
    "queued": (Kind.OTHER, Status.SENT),
    "canceled": (Kind.FAILED, Status.FAILED),
}

# On the samples we sign ourselves: they are about no message.
TEST_TAG = "wedsync-test"
NO_PAUSE = timedelta(0)
MAX_FILES = 200
# More than anybody's mail server takes at once.
MAX_RECIPIENTS = 500
BOUNCE_PERMANENT = "Permanent"
SUPPRESSIONS = {"bounce": Reason.BOUNCE, "complaint": Reason.COMPLAINT}


def resend_event_type(request: WebhookRequest) -> str:
    """Returns Resend's own word for what happened, at most 80 characters of it."""
    return str(request.json().get("type", ""))[:80]


def resend_events(request: WebhookRequest) -> Iterator[Event]:
    """Yields the events of a webhook that are about our messages."""
    body = request.json()
    name, data = body.get("type"), body.get("data")
    if not isinstance(data, dict):
        raise MalformedRequest("A Resend webhook has its “data” in an object.")
    if TEST_TAG in echoed_tags(data):
        return
    event = read_resend_event(str(name), data, parse_resend_time(body.get("created_at")))
    if event is not None:
        yield event


def read_resend_event(name: str, data: dict[str, Any], at: datetime) -> Event | None:
    """Returns the event a webhook tells of; None for domains, lists, and new types."""
    if name in EVENTS:
        return resend_receipt(name, data, at)
    if name == "email.received":
        return received_mail(data, at)
    if name == "contact.updated" and data.get("unsubscribed") is True:
        return closed_address(data, Reason.OPT_OUT, at)
    if name == "suppression.added":
        return closed_address(data, SUPPRESSIONS.get(str(data.get("origin")), Reason.MANUAL), at)
    return None


def resend_receipt(name: str, data: dict[str, Any], at: datetime) -> StatusChanged:
    kind, status = EVENTS[name]
    echoed = echoed_tags(data)
    explain = EXPLANATIONS.get(name)
    code, detail, closes = explain(data) if explain else ("", "", None)
    remedy = failure_remedy(name, code)
    return StatusChanged(
        kind=kind,
        status=status,
        provider_id=str(data.get("email_id", "")),
        call=echoed.get("call", ""),
        message=echoed.get("message", ""),
        occurred_at=at,
        code=code[:80],
        detail=detail,
        # https://resend.com/changelog/message-id-for-sent-emails
        internet_message_id=first_id(data.get("message_id")),
        closes=closes,
        remedy=remedy,
        retry_after=QUOTA_PAUSES.get(code, QUOTA_PAUSE) if remedy is QuotaExceeded else NO_PAUSE,
    )


def failure_remedy(name: str, code: str) -> type[ProviderError] | None:
    """Returns what a failure calls for: a quota that is used up, a domain that is not verified.

    https://resend.com/docs/webhooks/emails/failed
    """
    if name != "email.failed":
        return None
    if "quota" in code:
        return QuotaExceeded
    return SenderRejected if "domain" in code else None


def echoed_tags(data: dict[str, Any]) -> dict[str, str]:
    """Returns our tags: an object in webhooks; a list, as in requests, has been seen as well."""
    found = data.get("tags") or {}
    if isinstance(found, list):
        found = {str(tag.get("name")): tag.get("value") for tag in found if isinstance(tag, dict)}
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items()}


Explanation = tuple[str, str, Reason | None]


def explain_bounce(data: dict[str, Any]) -> Explanation:
    """Returns the code, the text, and whether the bounce closes the address.

    A bounce without a type is of the time before there were types: it says that this message
    bounced, and not that the address is dead.
    """
    bounce = as_dict(data.get("bounce"))
    kind, subtype = str(bounce.get("type", "")), str(bounce.get("subType", ""))
    closes = Reason.BOUNCE if kind == BOUNCE_PERMANENT else None
    return f"{kind}/{subtype}".strip("/"), str(bounce.get("message", "")), closes


def explain_complaint(_: dict[str, Any]) -> Explanation:
    return "complaint", "The recipient reported it as spam.", Reason.COMPLAINT


def explain_failure(data: dict[str, Any]) -> Explanation:
    reason = str(as_dict(data.get("failed")).get("reason", ""))
    return reason, reason.replace("_", " ").capitalize(), None


def explain_suppression(data: dict[str, Any]) -> Explanation:
    found = as_dict(data.get("suppressed"))
    reason = str(found.get("reason", ""))
    closes = Reason.COMPLAINT if "complaint" in reason else Reason.BOUNCE
    return str(found.get("type", "Suppressed")), str(found.get("message", "")), closes


EXPLANATIONS: dict[str, Callable[[dict[str, Any]], Explanation]] = {
    "email.bounced": explain_bounce,
    "email.complained": explain_complaint,
    "email.failed": explain_failure,
    "email.suppressed": explain_suppression,
}


def received_mail(data: dict[str, Any], at: datetime) -> MessageReceived:
    """Returns a mail without its body, which only GET /emails/receiving/{id} has."""
    sender = sender_mailbox(data)
    provider_id = str(data.get("email_id") or "")
    return MessageReceived(
        provider_id=provider_id,
        sender=sender.address,
        sender_name=sender.name,
        to=recipients(data),
        subject=email_addresses.decoded_header(str(data.get("subject") or "")),
        text=str(data.get("text") or ""),
        html=str(data.get("html") or ""),
        media=attached_files(data),
        mail=read_mail_headers(data),
        occurred_at=at,
        # Without an id nothing more can be asked for.
        complete="text" in data or "html" in data or not provider_id,
    )


def recipients(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the addresses a mail was sent to, at most MAX_RECIPIENTS of them, of as many texts.

    Whoever was only copied in is written to all the same; the envelope knows the hidden ones.
    """
    names = ("received_for", "to", "cc", "bcc")
    texts = [text for name in names for text in header_texts(data.get(name))]
    found = dict.fromkeys(
        mailbox.address
        for text in texts[:MAX_RECIPIENTS]
        for mailbox in email_addresses.parse_mailboxes(text)
    )
    return tuple(found)[:MAX_RECIPIENTS]


def attached_files(data: Mapping[str, Any]) -> tuple[Media, ...]:
    """Returns the files of a mail by Resend's ids, which its API turns into links for an hour."""
    return tuple(
        Media(
            url=str(file.get("id") or ""),
            content_type=str(file.get("content_type") or ""),
            name=str(file.get("filename") or "")[:255],
        )
        for file in as_dicts(data.get("attachments"))[:MAX_FILES]
    )


def sender_mailbox(data: Mapping[str, Any]) -> Mailbox:
    """Returns who wrote. The address alone may stand beside a header that has the name as well."""
    found = email_addresses.parse_mailbox(str(data.get("from") or ""))
    if found.name:
        return found
    for text in header_values(data.get("headers")).get("from", []):
        named = email_addresses.parse_mailbox(text)
        if named.address.casefold() == found.address.casefold():
            return found._replace(name=named.name)
    return found


def closed_address(data: dict[str, Any], reason: Reason, at: datetime) -> AddressClosed:
    return AddressClosed(
        value=str(data.get("email", "")),
        reason=reason,
        occurred_at=at,
        detail="Reported by Resend for the whole account.",
    )


def parse_resend_time(value: Any) -> datetime:
    """Returns the time Resend gives; now, where there is none.

    Seen: “…T22:13:42.674Z” and “2023-04-03 22:13:42.674981+00”.
    """
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.now(UTC)
    return plausible_moment(found if found.tzinfo else found.replace(tzinfo=UTC))
