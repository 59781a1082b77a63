"""The mails that Google would have sent to the guests of an event.

https://developers.google.com/workspace/calendar/api/concepts/sharing#inviting_attendees_to_events
"""

from collections.abc import Callable
from typing import Any

from sandbox.lib.clock import Clock
from sandbox.lib.state import Shelf
from sandbox.lib.times import iso

from .event import Event, new_id

Json = dict[str, Any]

# Those who have Google Calendar get no mail from "externalOnly".
GOOGLE_DOMAINS = ("gmail.com", "googlemail.com")
# What a guest can see of an event.
SEEN = ("summary", "description", "location", "start", "end", "recurrence", "conferenceData")


class Invitations:
    KEPT = ("sent",)

    def __init__(self, clock: Clock, has_account: Callable[[str], bool]) -> None:
        self.sent: Shelf[Json] = Shelf()
        self._clock = clock
        self._has_account = has_account

    def tell(self, calendar: str, before: Event | None, after: Event, updates: str) -> None:
        """Tells guests; ``updates`` is "all", "externalOnly" or "none", as in ``sendUpdates``."""
        if updates == "none":
            return
        old = _guests(before) if before and not before.deleted else {}
        new = {} if after.deleted else _guests(after)
        changed = before is None or any(
            before.content.get(name) != after.content.get(name) for name in SEEN
        )
        for email in dict.fromkeys([*old, *new]):
            kind = _kind(email in old, email in new, changed=changed)
            if kind and (updates == "all" or not self._is_google(email)):
                self._send(calendar, after, email, kind)

    def _is_google(self, email: str) -> bool:
        return email.rpartition("@")[2] in GOOGLE_DOMAINS or self._has_account(email)

    def _send(self, calendar: str, event: Event, to: str, kind: str) -> None:
        mail = {
            "id": new_id(),
            "at": iso(self._clock.now()),
            "calendar": calendar,
            "event": event.id,
            "subject": event.content.get("summary", ""),
            "sender": event.content.get("organizer", {}).get("email", ""),
            "to": to,
            "kind": kind,
            "start": event.content.get("start"),
        }
        self.sent.put(mail["id"], mail, 500)


def _kind(was_there: bool, is_there: bool, *, changed: bool) -> str:  # noqa: FBT001
    if not was_there:
        return "invitation"
    if not is_there:
        return "cancellation"
    return "update" if changed else ""


def _guests(event: Event) -> dict[str, Json]:
    organizer = event.content.get("organizer", {}).get("email")
    every = {guest["email"].lower(): guest for guest in event.attendees()}
    return {email: attendee for email, attendee in every.items() if email != organizer}
