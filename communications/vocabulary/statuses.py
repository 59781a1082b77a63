"""Where a message stands: a chain per attempt, a function per message.

An attempt's status only climbs, so any order and any repetition of a provider's events ends in the
same place. A message's status is computed from its attempts and from what we decided ourselves.
"""

from collections.abc import Iterable

from django.db.models import TextChoices


class Status(TextChoices):
    """The chain, lowest first; the three below it are decisions of ours about a message."""

    QUEUED = "queued"
    # The provider's answer was lost; being found out.
    UNKNOWN = "unknown"
    # A provider took it.
    SENT = "sent"
    # It never left, or the provider gave it up.
    FAILED = "failed"
    # Above "failed": a receipt from the device proves a reported failure wrong.
    DELIVERED = "delivered"
    # Above "delivered": a receiving mail server may accept first and refuse minutes later.
    BOUNCED = "bounced"
    READ = "read"

    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def rank(self) -> int:
        return RANKS[self]

    def joined(self, other: "Status") -> "Status":
        """Returns the higher of the two: commutative, associative, idempotent."""
        return max(self, other, key=lambda status: status.rank)


DECISIONS = (Status.SUPPRESSED, Status.CANCELLED, Status.EXPIRED)
CHAIN = tuple(status for status in Status if status not in DECISIONS)
RANKS = {status: rank for rank, status in enumerate(CHAIN)}

# Evidence that a provider or a person has it: no retry, no decision of ours undoes these.
REACHED = (Status.READ, Status.DELIVERED, Status.SENT)

# An attempt that stands there may still turn out to have been carried out.
UNANSWERED = (Status.QUEUED, Status.UNKNOWN)

# What a message is called: the first of these that one of its attempts, or we, can show.
PRECEDENCE = (
    *REACHED,
    Status.UNKNOWN,
    Status.QUEUED,
    *DECISIONS,
    Status.BOUNCED,
    Status.FAILED,
)


def message_status(
    attempts: Iterable[Status],
    *,
    decision: Status | None = None,
    waiting: bool = False,
) -> Status:
    """Returns what to call a message whose attempts stand there.

    `waiting` says that the outbox still holds it: another attempt will follow.
    """
    have = {*attempts, decision}
    order = REACHED if waiting else PRECEDENCE
    return next((status for status in order if status in have), Status.QUEUED)
