"""people.connections.list: pages, and what has changed since a cursor.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.google.errors import PeopleRefusedError
from sandbox.google.model.book import Book, Snapshot
from sandbox.google.model.cursors import seal, unseal
from sandbox.lib.clock import Clock

from .person import FIELDS, READ_ONLY, mask, show
from .reading import Query

Json = dict[str, Any]

USUAL_SIZE, MAX_SIZE = 100, 1000
CURSOR_LIFE = timedelta(days=7)
FREE = frozenset(
    {
        "syncToken",
        "pageToken",
        "pageSize",
        "requestSyncToken",
        "key",
        "alt",
        "prettyPrint",
        "fields",
    }
)
ORDERS: Mapping[str, bool] = {
    "LAST_MODIFIED_ASCENDING": False,
    "LAST_MODIFIED_DESCENDING": True,
}


def expired() -> PeopleRefusedError:
    message = "Sync token is expired. Clear local cache and retry call without the sync token."
    return PeopleRefusedError("INVALID_ARGUMENT", message, reason="EXPIRED_SYNC_TOKEN")


class Connections:
    """One request for a list, of the book as of some revision."""

    def __init__(self, book: Book, query: Query, clock: Clock, newest: int) -> None:
        self._book = book
        self._query = query
        self._clock = clock
        self._wanted = mask(query.get("personFields"), "personFields", FIELDS | READ_ONLY)
        self._size = _size(query)
        self._shape = query.shape(FREE)
        self._cursor = self._read("syncToken")
        # Who has seen more than is shown now does not see it go away again.
        seen = self._cursor["r"] if self._cursor else 0
        self._page = self._read("pageToken") or {"o": 0, "r": max(newest, seen)}
        # Of the full list that the cursors go back to.
        full = self._cursor or self._page
        self._full_at = str(full.get("t") or clock.now().isoformat())

    def answer(self, keep: int | None = None) -> Json:
        since = self._cursor["r"] if self._cursor else None
        found = self._ordered(self._book.every(self._page["r"], since=since))[:keep]
        start = self._page["o"]
        left = found[start + self._size :]
        shown = found[start : start + self._size]
        answer: Json = {
            "connections": [
                show(contact, self._wanted, synced=since is not None) for contact in shown
            ],
            "totalPeople": len(self._book.every(self._page["r"])),
            "totalItems": len(self._book.every(self._page["r"])),
        }
        if not shown:
            del answer["connections"]
        if left:
            answer["nextPageToken"] = self._seal(o=start + self._size)
        elif since is not None or self._query.switch("requestSyncToken"):
            answer["nextSyncToken"] = self._seal()
        return answer

    def _ordered(self, found: list[Snapshot]) -> list[Snapshot]:
        backwards = ORDERS.get(self._query.get("sortOrder") or "", False)
        return list(reversed(found)) if backwards else found

    def _seal(self, **more: int) -> str:
        kept = {"e": self._book.epoch, "r": self._page["r"], "t": self._full_at, "q": self._shape}
        return seal(kept | more)

    def _read(self, name: str) -> Json | None:
        token = self._query.get(name)
        if not token:
            return None
        read = unseal(token)
        if read is None or read.get("e") != self._book.epoch:
            if name == "syncToken":
                raise expired()
            raise PeopleRefusedError("INVALID_ARGUMENT", f"Invalid {name}.")
        if name == "syncToken" and self._is_old(read):
            raise expired()
        if read["q"] != self._shape:
            message = f"Request parameters must match the call that provided the {name}."
            raise PeopleRefusedError("INVALID_ARGUMENT", message)
        return read

    def _is_old(self, cursor: Json) -> bool:
        """Seven days after the full list, however often it was used since."""
        return datetime.fromisoformat(cursor["t"]) < self._clock.now() - CURSOR_LIFE


def _size(query: Query) -> int:
    text = query.get("pageSize") or str(USUAL_SIZE)
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SIZE:
        message = f"Page size must be between 1 and {MAX_SIZE}."
        raise PeopleRefusedError("INVALID_ARGUMENT", message)
    return int(text)
