"""What waits for a closed sender, until when, and what staff read about it."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from communications.messages.transitions import Change, SendPlan
from communications.models import Event, Message, SenderStanding
from communications.policy import senders
from communications.vocabulary.events import Kind
from wedsync_comms.lib.text import as_sentence

WAITS_FOR_MENDING = "It waits until that is mended, and is tried now and then."
WAITS_WHILE_BUSY = "It waits, and is tried again."
# On the events of messages that wait for a sender, or go around it.
CLOSED_CODE = "sender_closed"


def hold_changes(held: Sequence[tuple[Message, SenderStanding]]) -> list[Change]:
    """Returns what has messages wait for a closed sender, until its next trial."""
    told = set(
        Event.objects.filter(
            message__in=[message for message, _ in held], kind=Kind.HELD, error_code=CLOSED_CODE
        ).values_list("message", flat=True)
    )
    for message, row in held:
        if message.pk in told:
            Message.objects.filter(pk=message.pk).update(send_after=hold_end(row), via="")
    return [hold_change(message, row) for message, row in held if message.pk not in told]


def hold_change(message: Message, row: SenderStanding) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.HELD,
        provider=row.provider,
        error_code=CLOSED_CODE,
        plan=SendPlan(hold_end(row)),
        detail=f"{refusal_of(row)} {WAITS_WHILE_BUSY if row.is_busy else WAITS_FOR_MENDING}",
    )


def hold_end(row: SenderStanding) -> datetime:
    """Returns when what waits for a closed sender is looked at again: never at once, where it would
    be the first in the queue for ever."""
    soon = timezone.now() + senders.LOST_TRIAL_DELAY
    return max(row.retry_at or soon, soon)


def refusal_of(row: SenderStanding) -> str:
    """Returns, for staff, who refuses which sender, and why."""
    who = f"“{row.sender}”" if row.sender else "its sender"
    why = as_sentence(row.detail or "refused")
    if row.is_busy:
        return f"{row.provider} takes no more from {who} for now: {why}"
    to = f" to {row.region} numbers" if row.region else ""
    return f"{row.provider} does not take {who} as a sender{to}: {why}"
