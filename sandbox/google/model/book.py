"""One person's contacts, with a past: what the People API shows may lag behind.

https://developers.google.com/people/api/rest/v1/people
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.lib.clock import Clock
from sandbox.persistence.codec import wiring

Json = dict[str, Any]

# Of each contact, so many states are kept.
MAX_PAST = 20
MY_CONTACTS = "myContacts"
SYSTEM_GROUPS = {MY_CONTACTS: "My Contacts", "starred": "Starred"}


@dataclass(frozen=True)
class Snapshot:
    """A contact as of one change of the book."""

    id: str
    fields: Json
    revision: int
    at: datetime
    deleted: bool = False
    # Those it had before it was merged.
    previous: tuple[str, ...] = ()
    # Merged into another: there is no tombstone.
    merged: bool = False

    @property
    def resource(self) -> str:
        return f"people/{self.id}"

    @property
    def etag(self) -> str:
        return f"%EgUBAgMJLjcuGgQBAgUHIgw{self.revision:08x}="


@dataclass
class Book:
    clock: Clock = field(metadata=wiring())
    touched: Callable[[], None] = field(repr=False, metadata=wiring())
    revision: int = 0
    # Up to there everybody has long seen everything.
    settled: int = 0
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    groups: dict[str, str] = field(default_factory=lambda: dict(SYSTEM_GROUPS))
    _past: dict[str, list[Snapshot]] = field(default_factory=dict)

    def renew_epoch(self) -> None:
        self.epoch = secrets.token_hex(4)

    def put(self, wanted: str, fields: Json, **marks: Any) -> Snapshot:
        self.revision += 1
        past = self._past.setdefault(wanted, [])
        marks = {"previous": past[-1].previous if past else (), **marks}
        now = Snapshot(wanted, fields, self.revision, self.clock.now(), **marks)
        past.append(now)
        del past[:-MAX_PAST]
        self.touched()
        return now

    def add(self, fields: Json) -> Snapshot:
        fields.setdefault("memberships", [membership(MY_CONTACTS)])
        return self.put(f"c{secrets.randbelow(9 * 10**18) + 10**18}", fields)

    def find(self, wanted: str, revision: int | None = None) -> Snapshot | None:
        """Returns it as of that revision of the book; None if it was not there."""
        shown = self._as_of(wanted, revision)
        return None if shown is None or shown.deleted else shown

    def every(self, revision: int | None = None, *, since: int | None = None) -> list[Snapshot]:
        """Returns all in the order of their changes; with deleted ones where ``since`` is given."""
        found = [snapshot for wanted in self._past if (snapshot := self._as_of(wanted, revision))]
        kept = (
            snapshot
            for snapshot in found
            if (
                not snapshot.deleted
                if since is None
                else snapshot.revision > since and not snapshot.merged
            )
        )
        return sorted(kept, key=lambda snapshot: snapshot.revision)

    def revision_at(self, moment: datetime) -> int:
        """Returns the newest that was there by then."""
        seen = (snapshot.revision for snapshot in self._snapshots() if snapshot.at <= moment)
        return max([self.settled, *seen])

    def members(self, group: str) -> list[Snapshot]:
        return [snapshot for snapshot in self.every() if group in groups_of(snapshot.fields)]

    def merge(self, keep: Snapshot, drop: Snapshot) -> Snapshot:
        """Makes one contact of two; the other's name leads here from now on."""
        fields = {**drop.fields, **keep.fields}
        for name in ("emailAddresses", "phoneNumbers", "memberships"):
            both = [*keep.fields.get(name, []), *drop.fields.get(name, [])]
            fields[name] = [value for place, value in enumerate(both) if value not in both[:place]]
        self.put(drop.id, drop.fields, deleted=True, merged=True)
        previous = (*keep.previous, *drop.previous, drop.resource)
        return self.put(keep.id, fields, previous=previous)

    def delete(self, contact: Snapshot) -> None:
        self.put(contact.id, contact.fields, deleted=True)

    def _as_of(self, wanted: str, revision: int | None) -> Snapshot | None:
        past = self._past.get(wanted, [])
        return next(
            (
                snapshot
                for snapshot in reversed(past)
                if revision is None or snapshot.revision <= revision
            ),
            None,
        )

    def _snapshots(self) -> Iterator[Snapshot]:
        return (snapshot for past in self._past.values() for snapshot in past)


def membership(group: str) -> Json:
    return {
        "contactGroupMembership": {
            "contactGroupId": group,
            "contactGroupResourceName": f"contactGroups/{group}",
        }
    }


def groups_of(fields: Json) -> list[str]:
    return [
        str(group["contactGroupMembership"].get("contactGroupId"))
        for group in fields.get("memberships", [])
        if "contactGroupMembership" in group
    ]
