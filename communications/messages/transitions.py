"""change -> attempt -> message -> event: the only code that moves a status.

The message row is the lock: whoever holds it may join what it learned into the attempts, because
every change of an attempt goes through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Manager
from django.utils import timezone

from communications.live import event_stream
from communications.models import Attempt, Event, Message, Trimmed
from communications.vocabulary.events import Kind, Source
from communications.vocabulary.statuses import REACHED, UNANSWERED, Status, message_status

Row = TypeVar("Row", Message, Attempt)

STAMPS = {
    Kind.OPENED: "opened_at",
    Kind.CLICKED: "clicked_at",
    Kind.COMPLAINED: "complained_at",
}
MESSAGE_FIELDS = [
    "status",
    "decision",
    "send_after",
    "via",
    "ladder_start",
    "leg",
    "leg_channel",
    "leg_to",
    "escalate_at",
    "error",
    "error_code",
    "provider",
    "provider_id",
    "sender",
    *STAMPS.values(),
    "updated_at",
]
ATTEMPT_FIELDS = [
    "status",
    "provider_id",
    "error",
    "error_code",
    "error_class",
    "response",
    "finished_at",
]


@dataclass(frozen=True)
class Leg:
    """A step of a message's plan: which channel, which address, until when."""

    number: int
    channel: str
    to: str
    escalate_at: datetime | None


@dataclass(frozen=True)
class SendPlan:
    """When and through which provider a message is tried next; None: not again."""

    send_after: datetime | None
    via: str = ""
    # A person asked for it: earlier decisions and earlier attempts do not count any more.
    fresh: bool = False
    leg: Leg | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing learned about one message."""

    message: UUID
    kind: Kind
    source: Source = Source.SYSTEM
    attempt: int | None = None
    # What the attempt climbs to, if it says anything about that.
    status: Status | None = None
    provider: str = ""
    provider_id: str = ""
    event_id: str | None = None
    occurred_at: datetime | None = None
    error_code: str = ""
    detail: str = ""
    # Ours, on the message itself.
    decision: Status | None = None
    plan: SendPlan | None = None
    # Other columns of the attempt, where the change is the end of a call.
    outcome: dict[str, Any] = field(default_factory=dict)


def record(changes: Sequence[Change]) -> list[Event]:
    """Applies them in their order, in one transaction, and returns what is new.

    A change with the `event_id` of an earlier one is left out: it is the same fact again.
    """
    if not changes:
        return []
    with transaction.atomic():
        messages = lock_messages(change.message for change in changes)
        seen = known_event_ids(changes)
        events = []
        touched: dict[int, Attempt] = {}
        for change in changes:
            key = (change.provider, change.event_id, change.message)
            if change.event_id is not None and key in seen:
                continue
            seen.add(key)
            events.append(apply_change(change, messages[change.message], touched))
        save_columns(Attempt.objects, list(touched.values()), ATTEMPT_FIELDS)
        save_columns(Message.objects, list(messages.values()), MESSAGE_FIELDS)
        event_stream.announce_events()
        return Event.objects.bulk_create(events)


def lock_messages(ids: Any) -> dict[UUID, Message]:
    """Locks messages in one order for everybody, so that two never wait for each other."""
    rows = (
        Message.objects.filter(pk__in=set(ids))
        .order_by("pk")
        .select_for_update()
        .prefetch_related("attempts")
    )
    return {message.pk: message for message in rows}


def known_event_ids(changes: Sequence[Change]) -> set[tuple[str, str | None, UUID]]:
    ids = [change.event_id for change in changes if change.event_id is not None]
    if not ids:
        return set()
    rows = Event.objects.filter(
        event_id__in=ids,
        message__in=[change.message for change in changes],
    )
    return set(rows.values_list("provider", "event_id", "message_id"))


def apply_change(change: Change, message: Message, touched: dict[int, Attempt]) -> Event:
    now = timezone.now()
    before = message.status
    attempt = apply_to_attempt(change, message, touched)
    apply_decision(change, message)
    refresh_status(message)
    message.updated_at = now
    return Event(
        organization_id=message.organization_id,
        message=message,
        attempt=attempt,
        kind=change.kind,
        source=change.source,
        status=change.status or change.decision or "",
        message_status=message.status,
        changed=message.status != before,
        provider=change.provider,
        event_id=change.event_id,
        error_code=change.error_code,
        detail=change.detail,
        occurred_at=change.occurred_at or now,
        recorded_at=now,
    )


def apply_to_attempt(
    change: Change,
    message: Message,
    touched: dict[int, Attempt],
) -> Attempt | None:
    attempt = next(
        (attempt for attempt in message.attempts.all() if attempt.pk == change.attempt), None
    )
    if attempt is None:
        return None
    touched[attempt.pk] = attempt
    for column, value in change.outcome.items():
        setattr(attempt, column, value)
    attempt.provider_id = attempt.provider_id or change.provider_id
    if change.status is not None:
        raise_status(attempt, change.status, change)
    close_sibling_attempts(attempt, message, touched)
    return attempt


def raise_status(attempt: Attempt, status: Status, change: Change) -> None:
    """Raises an attempt's status. What raised it explains it, whatever was known or comes later."""
    joined = Status(attempt.status).joined(status)
    if joined != attempt.status:
        attempt.status = joined
        is_well = joined in REACHED
        attempt.error_code = "" if is_well else change.error_code
        attempt.error = "" if is_well else change.detail


def close_sibling_attempts(attempt: Attempt, message: Message, touched: dict[int, Attempt]) -> None:
    """Fails the unanswered repetitions of a call once one of them is answered."""
    siblings = [sibling for sibling in message.attempts.all() if sibling.call_id == attempt.call_id]
    if all(sibling.status in UNANSWERED for sibling in siblings):
        return
    for sibling in siblings:
        if sibling.status == Status.UNKNOWN:
            sibling.status = Status.FAILED
            touched[sibling.pk] = sibling


def apply_decision(change: Change, message: Message) -> None:
    if change.plan is not None:
        message.send_after = change.plan.send_after
        message.via = change.plan.via
        if change.plan.fresh:
            message.decision = message.error = message.error_code = ""
            message.ladder_start = len(message.attempts.all()) + 1
        if change.plan.leg:
            enter_leg(message, change.plan.leg)
    if change.decision is not None:
        message.decision = change.decision
        message.send_after = None
        message.error, message.error_code = change.detail, change.error_code
    if stamp := STAMPS.get(change.kind):
        at, known = change.occurred_at or timezone.now(), getattr(message, stamp)
        # The first time counts, also when it is heard of last.
        setattr(message, stamp, min(at, known or at))


def enter_leg(message: Message, leg: Leg) -> None:
    message.leg, message.leg_channel, message.leg_to = leg.number, leg.channel, leg.to
    message.escalate_at = leg.escalate_at


def refresh_status(message: Message) -> None:
    attempts = list(message.attempts.all())
    if message.trimmed & Trimmed.ATTEMPTS and not attempts:
        # What it would be computed from was removed; where it stood then, it stands.
        return
    statuses = [Status(attempt.status) for attempt in attempts]
    if is_final_success(message, attempts):
        # Whatever was planned besides would be a second copy.
        message.send_after = message.escalate_at = None
    elif any(attempt.leg == message.leg and attempt.status == Status.SENT for attempt in attempts):
        message.send_after = None
    message.status = message_status(
        statuses,
        decision=Status(message.decision) if message.decision else None,
        waiting=message.send_after is not None,
    )
    denormalise_attempt(message, attempts)


def is_final_success(message: Message, attempts: list[Attempt]) -> bool:
    """Returns whether it arrived, or was taken and no later leg of the plan waits for that."""
    statuses = {Status(attempt.status) for attempt in attempts}
    if statuses & {Status.DELIVERED, Status.READ}:
        return True
    return Status.SENT in statuses and message.escalate_at is None and message.leg == 0


def denormalise_attempt(message: Message, attempts: list[Attempt]) -> None:
    """Copies up who has the message and who it came from, or why it did not get there."""
    if message.status == message.decision:
        return
    carrier = max(
        attempts,
        key=lambda attempt: (attempt.status == message.status, attempt.number),
        default=None,
    )
    if carrier is not None:
        message.provider, message.provider_id = carrier.provider, carrier.provider_id
        # Another step of its plan may have been tried since, as somebody else.
        message.sender = carrier.sender
        message.error, message.error_code = (
            ("", "") if message.status in REACHED else (carrier.error, carrier.error_code)
        )


def save_columns(manager: Manager[Row], rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Writes the columns of many rows, which exist and are locked, in one statement.

    `bulk_update` would build a CASE per row and column, and took sixteen times the CPU of this for
    a hundred messages.
    """
    if len(rows) == 1:
        rows[0].save(update_fields=columns)
    elif rows:
        manager.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=columns,
        )
