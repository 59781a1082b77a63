"""What staff may decide about a message after it was composed: cancel it, try it again."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from communications.errors import NotPossible
from communications.live import event_stream
from communications.messages.transitions import Change, SendPlan, record
from communications.models import Direction, Message
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status

RETRIABLE = {
    Status.FAILED,
    Status.BOUNCED,
    Status.SUPPRESSED,
    Status.CANCELLED,
    Status.EXPIRED,
}
REFUSALS = {
    Status.QUEUED: "It is being sent at this moment.",
    Status.UNKNOWN: "A provider may have it already; that is being found out.",
    Status.SENT: "A provider has it already.",
    Status.DELIVERED: "It was delivered already.",
    Status.READ: "It was read already.",
    Status.BOUNCED: "It was refused by the receiving side; nothing is left to cancel.",
    Status.FAILED: "It failed; nothing is left to cancel.",
    Status.SUPPRESSED: "It was never sent; nothing is left to cancel.",
    Status.CANCELLED: "It is cancelled already.",
    Status.EXPIRED: "It expired unsent; nothing is left to cancel.",
}


def cancel_message(message: Message, *, by: str = "") -> None:
    """Takes it out of the outbox. Raises NotPossible once it has left it."""
    with transaction.atomic():
        current = Message.objects.select_for_update().get(pk=message.pk)
        if current.direction == Direction.INBOUND or current.send_after is None:
            raise NotPossible(REFUSALS[Status(current.status)])
        change = Change(
            message=message.pk,
            kind=Kind.CANCELLED,
            decision=Status.CANCELLED,
            error_code="cancelled",
            detail=f"Cancelled by {by}." if by else "Cancelled.",
        )
        record([change])


def retry_message(message: Message, *, by: str = "") -> None:
    """Puts it into the outbox again, with all its retries. Raises NotPossible."""
    with transaction.atomic():
        current = Message.objects.select_for_update().get(pk=message.pk)
        if current.direction == Direction.INBOUND:
            raise NotPossible("It came in; reply to it instead.")
        if current.send_after is not None:
            raise NotPossible("It is waiting to be sent.")
        if current.trimmed:
            raise NotPossible("The retention rule has removed its text or attempts: write it anew.")
        if current.status not in RETRIABLE:
            raise NotPossible(REFUSALS[Status(current.status)])
        # Whoever tries again wants it sent, however late.
        Message.objects.filter(pk=message.pk).update(expires_at=None)
        change = Change(
            message=message.pk,
            kind=Kind.RETRIED,
            plan=SendPlan(timezone.now(), fresh=True),
            detail=f"Tried again by {by}." if by else "Tried again.",
        )
        record([change])
        event_stream.wake_dispatchers()


def release_waiting(messages: QuerySet[Message]) -> int:
    """Tries now what waits for another try through one provider, through whichever works.

    What was never tried, or waits for its time, is bound to none and stays where it is. Returns how
    many were released.
    """
    bound = Message.objects.waiting().filter(pk__in=list(messages.values_list("pk", flat=True)))
    freed = bound.exclude(via="").update(via="", send_after=timezone.now())
    event_stream.wake_dispatchers()
    return freed
