"""The mails that Exchange would have sent: invitations, updates, cancellations and answers."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox.lib.clock import Clock
from sandbox.lib.times import iso
from sandbox.microsoft.api.event_rules import address_of

from .event import Event
from .users import User

Json = dict[str, Any]
Kind = Literal["invitation", "update", "cancellation", "answer"]

MAX_MAILS = 20_000
# Only the owner of the mailbox sees these: nobody is written to about them.
PRIVATE = frozenset({
    "categories", "isReminderOn", "reminderMinutesBeforeStart", "showAs", "importance",
    "sensitivity", "singleValueExtendedProperties", "hideAttendees", "responseRequested",
    "allowNewTimeProposals",
})  # fmt: skip


@dataclass(frozen=True)
class Mail:
    at: str
    kind: Kind
    event: str
    key: str
    sender: str
    to: str
    subject: str
    start: str
    comment: str = ""


class Mails:
    KEPT = ("_sent",)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: deque[Mail] = deque(maxlen=MAX_MAILS)

    def newest(self) -> list[Json]:
        return [asdict(mail) for mail in reversed(self._sent)]

    def clear(self) -> None:
        self._sent.clear()

    def created(self, event: Event, user: User) -> None:
        self._tell("invitation", event, user, _addresses(event))

    def changed(self, event: Event, user: User, given: Json, before: list[str]) -> None:
        """Tells the attendees; only those it concerns, if nothing else was changed."""
        if event.organizer is not None:
            return
        now = _addresses(event)
        self._tell("invitation", event, user, [address for address in now if address not in before])
        self._tell(
            "cancellation", event, user, [address for address in before if address not in now]
        )
        if set(given) - PRIVATE - {"attendees"}:
            self._tell("update", event, user, [address for address in now if address in before])

    def cancelled(self, event: Event, user: User, comment: str = "") -> None:
        if event.organizer is None:
            self._tell("cancellation", event, user, _addresses(event), comment)

    def answered(self, event: Event, user: User, answer: str, comment: str) -> None:
        to = [str((event.organizer or {}).get("address", ""))]
        self._tell("answer", event, user, to, comment or answer)

    def _tell(self, kind: Kind, event: Event, user: User, to: list[str], comment: str = "") -> None:
        for address in to:
            self._sent.append(
                Mail(
                    at=iso(self._clock.now()),
                    kind=kind,
                    event=event.immutable_id,
                    key=event.key,
                    sender=user.address,
                    to=address,
                    subject=event.title,
                    start=iso(event.start.instant),
                    comment=comment,
                )
            )


def _addresses(event: Event) -> list[str]:
    return [address_of(guest) for guest in event.attendees]
