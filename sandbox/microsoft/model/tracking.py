"""Change tracking: a first round of everything, then rounds of what has changed since.

A round is decided when it starts; its items are shown as they are when their page is asked for, so
one that changes meanwhile comes again in the next round.
https://learn.microsoft.com/en-us/graph/delta-query-overview
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from sandbox.lib.faults import Faults
from sandbox.lib.state import Shelf
from sandbox.microsoft.api.call import Call, Json
from sandbox.microsoft.errors import RefusedError

from .history import Tombstone
from .item import Item

USUAL_PAGE = 10
TOKENS = ("$deltatoken", "$skiptoken", "$deltaToken", "$skipToken")
# What a token that is no longer good is answered with: status, code, and whether a fresh address
# comes along.
EXPIRED = {
    "syncStateNotFound": (410, "The sync state generation is not found."),
    "syncStateInvalid": (400, "The sync state is invalid."),
    "resyncRequired": (410, "Resync required."),
    "SyncStateNotFound": (404, "The sync state is not found."),
}

Entry = Item | Tombstone
Window = tuple[datetime, datetime] | None
# (position to start after, window) -> what has changed, in the order it did
Look = Callable[[int, Window], Sequence[Entry]]


@dataclass(frozen=True)
class Place:
    """What a token stands for: a page of a round, or the start of the next one."""

    path: str
    user: str
    window: Window
    issued_at: datetime
    position: int
    select: str | None = None
    entries: tuple[Entry, ...] | None = None
    offset: int = 0


@dataclass(frozen=True)
class Tracked:
    """One collection that is tracked."""

    path: str
    kind: str
    look: Look
    show: Callable[[Item], Json]


class Tracking:
    KEPT = ("_places",)

    def __init__(self, faults: Faults) -> None:
        # How long a token is good; null: for ever. Microsoft does not say.
        self.life_seconds: float | None = None
        self._faults = faults
        self._places: Shelf[Place] = Shelf()

    def clear(self) -> None:
        self._places.clear()

    def answer(self, call: Call, tracked: Tracked, window: Callable[[], Window]) -> Response:
        given = next((call.query[name] for name in TOKENS if name in call.query), None)
        if given:
            place = self._find(call, tracked, given)
        else:
            place = Place(
                path=tracked.path,
                user=call.mailbox.user.id,
                window=window(),
                issued_at=call.mailbox.clock.now(),
                position=0,
                select=call.query.get("$select"),
            )
        return self._page(call, tracked, place)

    def _page(self, call: Call, tracked: Tracked, place: Place) -> Response:
        history, entries = call.mailbox.history.position, place.entries
        if entries is None:
            entries = tuple(tracked.look(place.position, place.window))
            place = _moved(place, position=history, entries=entries)
        size = call.prefer.page_size or USUAL_PAGE
        shown = [
            _shown(call, tracked, place, entry)
            for entry in entries[place.offset : place.offset + size]
        ]
        end = place.offset + size
        answer: Json = {
            "@odata.context": f"{call.base}/$metadata#Collection({tracked.kind})",
            "value": [item for item in shown if item is not None],
        }
        if end < len(entries):
            following = _moved(place, offset=end)
            answer["@odata.nextLink"] = self._link(call, following, "$skiptoken")
        else:
            following = _moved(place, entries=None, offset=0, issued_at=call.mailbox.clock.now())
            answer["@odata.deltaLink"] = self._link(call, following, "$deltatoken")
        return call.answer(answer)

    def _link(self, call: Call, place: Place, name: str) -> str:
        token = secrets.token_urlsafe(32)
        self._places.put(token, place, 200 + 8 * len(place.entries or ()))
        return f"{call.base}/{place.path}?{urlencode({name: token}, safe='$')}"

    def _find(self, call: Call, tracked: Tracked, token: str) -> Place:
        place = self._places.find(token)
        fault = self._faults.draw("cursor_expired", f"GET {call.request.url.path}")
        if fault is not None:
            raise _expired(call, tracked, place, fault["code"])
        if place is None or self._is_old(call, place):
            raise _expired(call, tracked, place, "syncStateNotFound")
        if (place.path, place.user) != (tracked.path, call.mailbox.user.id):
            raise _expired(call, tracked, None, "syncStateInvalid")
        return place

    def _is_old(self, call: Call, place: Place) -> bool:
        if self.life_seconds is None:
            return False
        age = call.mailbox.clock.now() - place.issued_at
        return age > timedelta(seconds=self.life_seconds)


def _expired(call: Call, tracked: Tracked, place: Place | None, code: str) -> RefusedError:
    status, message = EXPIRED[code]
    headers = {"location": _fresh(call, tracked, place)} if status == 410 else {}  # noqa: PLR2004
    return RefusedError(status, code, message, **headers)


def _fresh(call: Call, tracked: Tracked, place: Place | None) -> str:
    """Where to start again, in the same window."""
    query = {}
    if place and place.window:
        start, end = place.window
        query = {"startDateTime": start.isoformat(), "endDateTime": end.isoformat()}
    return f"{call.base}/{tracked.path}" + (f"?{urlencode(query)}" if query else "")


def _moved(place: Place, **changes: Any) -> Place:
    return Place(**{**vars(place), **changes})


def _shown(call: Call, tracked: Tracked, place: Place, entry: Entry) -> Json | None:
    """None for what has gone since the round was decided: the next one tells of it."""
    if isinstance(entry, Tombstone):
        return {
            "@odata.type": f"#{tracked.kind}",
            "id": entry.shown_id(immutable=call.prefer.immutable),
            "@removed": {"reason": "deleted"},
        }
    if entry.is_gone:
        return None
    body = tracked.show(entry)
    names = {name.strip() for name in (place.select or "").split(",") if name.strip()}
    if names:
        body = {k: v for k, v in body.items() if k in names | {"id"} or k.startswith("@odata.")}
    return {"@odata.type": f"#{tracked.kind}", **body}
