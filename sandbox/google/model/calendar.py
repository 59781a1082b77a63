"""One calendar: its entries, and every change of them numbered."""

import secrets
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.persistence.codec import wiring

from . import recurrence
from .event import Event

HOLIDAYS = "#holiday@"


@dataclass
class Calendar:
    id: str
    name: str
    zone: str
    # Whose it is; nobody's is one that Google keeps for all.
    owner: str = ""
    primary: bool = False
    deleted: bool = False
    events: dict[str, Event] = field(default_factory=dict)
    revision: int = 0
    # Cursors of another epoch have expired.
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    changed: Callable[["Calendar"], None] = field(
        default=lambda _: None, repr=False, metadata=wiring()
    )

    @property
    def pushes(self) -> bool:
        return HOLIDAYS not in self.id

    def renew_epoch(self) -> None:
        self.epoch = secrets.token_hex(4)

    def put(self, *events: Event) -> None:
        for event in events:
            self.revision += 1
            event.version = self.revision
            self.events[event.id] = event
        self.changed(self)

    def find(self, wanted: str) -> Event | None:
        """Finds an event, also an occurrence that has no difference from its series."""
        if found := self.events.get(wanted):
            return found
        series = self.events.get(wanted.rpartition("_")[0])
        if series is None or not series.is_series:
            return None
        return next(
            (occurrence for occurrence in self.expand(series) if occurrence.id == wanted), None
        )

    def expand(
        self, series: Event, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[Event]:
        """Yields every occurrence between start and end; those with differences have theirs."""
        last = end or series.starts(self.zone) + recurrence.FURTHEST
        seen = set()
        for occurrence in recurrence.occurrences(series, self.zone, start, last):
            seen.add(occurrence.id)
            own = self.events.get(occurrence.id)
            yield occurrence if own is None or own.vanished else own
        for own in self.exceptions(series.id):
            if own.id not in seen and own.overlaps(start, end, self.zone):
                yield own

    def exceptions(self, series: str) -> list[Event]:
        return [
            event for event in self.events.values() if event.series == series and not event.vanished
        ]

    def bring_back(self, series: str, occurrences: Container[str]) -> None:
        """Removes their tombstones: the series has them again."""
        for event in list(self.events.values()):
            if event.vanished and event.series == series and event.id in occurrences:
                del self.events[event.id]

    def live(self, start: datetime | None, end: datetime | None) -> Iterator[Event]:
        """Yields what takes place between start and end, every occurrence by itself."""
        for event in list(self.events.values()):
            if event.deleted or event.series:
                continue
            if event.is_series:
                yield from (
                    occurrence
                    for occurrence in self.expand(event, start, end)
                    if not occurrence.deleted
                )
            elif event.overlaps(start, end, self.zone):
                yield event
