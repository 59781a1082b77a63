"""One person's calendars and contacts, with their history. Every write is told to ``changed``."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from sandbox.lib.clock import Clock
from sandbox.microsoft.errors import not_found

from .event import Event, split_occurrence
from .history import History
from .item import Item, new_id
from .users import User

Json = dict[str, Any]
T = TypeVar("T")
Verb = Literal["created", "updated", "deleted"]


@dataclass
class Folder:
    """A calendar or a folder of contacts."""

    name: str
    id: str
    is_default: bool = False
    color: str = "auto"


@dataclass(kw_only=True)
class Contact(Item):
    pass


@dataclass(frozen=True)
class Change:
    verb: Verb
    item: Item
    user: User

    @property
    def kind(self) -> str:
        return "contact" if isinstance(self.item, Contact) else "event"


@dataclass
class Transaction:
    """A create that was asked for under an id of the client's."""

    asked: Json
    event: Event
    at: datetime


class Mailbox:
    KEPT = ("history", "calendars", "folders", "events", "contacts", "transactions", "_immutable")

    def __init__(self, user: User, clock: Clock, changed: Callable[[Change], None]) -> None:
        self.user = user
        self.clock = clock
        self.history = History()
        self.calendars = _folders(user, "Calendar", "Viewings")
        self.folders = _folders(user, "Contacts", "Suppliers")
        self.events: dict[str, Event] = {}
        self.contacts: dict[str, Contact] = {}
        self.transactions: dict[str, Transaction] = {}
        self._immutable: dict[str, str] = {}
        self._changed = changed

    @property
    def calendar(self) -> Folder:
        return next(calendar for calendar in self.calendars.values() if calendar.is_default)

    @property
    def folder(self) -> Folder:
        return next(folder for folder in self.folders.values() if folder.is_default)

    def calendar_of(self, id_: str | None) -> Folder:
        return self.calendar if id_ is None else _found(self.calendars.get(id_))

    def folder_of(self, id_: str | None) -> Folder:
        return self.folder if id_ is None else _found(self.folders.get(id_))

    def event(self, id_: str) -> Event:
        """Returns an event by either of its ids; also an occurrence of a series."""
        if event := self.events.get(self._immutable.get(id_, id_)):
            return event
        if (split := split_occurrence(id_)) is None:
            raise not_found()
        master, day = self.events.get(self._immutable.get(split[0], split[0])), split[1]
        if master is None or master.recurrence is None or day in master.skipped:
            raise not_found()
        until = datetime.combine(day, datetime.max.time(), tzinfo=self.clock.now().tzinfo)
        return _found(next((o for o in master.occurrences(until) if o.original == day), None))

    def contact(self, id_: str) -> Contact:
        return _found(self.contacts.get(self._immutable.get(id_, id_)))

    def events_in(self, calendar: str) -> Iterator[Event]:
        return (event for event in list(self.events.values()) if event.folder == calendar)

    def contacts_in(self, folder: str) -> Iterator[Contact]:
        return (contact for contact in list(self.contacts.values()) if contact.folder == folder)

    def view(self, calendar: str, start: datetime, end: datetime) -> list[Event]:
        seen = [
            occurrence
            for event in self.events_in(calendar)
            for occurrence in event.seen_within(start, end)
        ]
        return sorted(seen, key=lambda event: event.start.instant)

    def add(self, item: Event | Contact) -> None:
        self._immutable[item.id] = item.immutable_id
        if isinstance(item, Contact):
            self.contacts[item.immutable_id] = item
        else:
            self.events[item.immutable_id] = item
        self.stored(item, "created")

    def stored(self, item: Item, verb: Verb = "updated") -> None:
        """Gives it a new change key; an occurrence that was written becomes an exception."""
        item.sequence = self.history.step()
        item.modified_at = self.clock.now()
        if isinstance(item, Event) and item.master is not None and item.original is not None:
            item.master.exceptions[item.original] = item
        self._changed(Change(verb, item, self.user))

    def remove(self, item: Item) -> None:
        if isinstance(item, Event):
            self.forget(item.foreseen(self.clock.now()).values())
        item.removed = True
        if isinstance(item, Event) and item.master is not None and item.original is not None:
            self.forget([item])
            item.master.skipped.add(item.original)
            item.master.exceptions.pop(item.original, None)
        else:
            self.history.bury(item.folder, item.id, item.immutable_id)
            self.events.pop(item.immutable_id, None)
            self.contacts.pop(item.immutable_id, None)
        self._changed(Change("deleted", item, self.user))

    def move(self, item: Event | Contact, folder: str) -> None:
        """Moves it under another id; it is gone from where it was."""
        self.history.bury(item.folder, item.id, item.immutable_id)
        self._immutable.pop(item.id, None)
        item.folder, item.id = folder, new_id()
        self._immutable[item.id] = item.immutable_id
        self.stored(item)

    def forget(self, occurrences: Iterable[Event]) -> None:
        """Forgets those a series has no longer."""
        for occurrence in occurrences:
            self.history.bury(
                occurrence.folder, occurrence.id, occurrence.immutable_id, occurrence.start.instant
            )


def _folders(user: User, *names: str) -> dict[str, Folder]:
    """Under the same ids after every reset and restart; the first is the usual one."""
    made = [Folder(name, folder_id(user, name), is_default=name == names[0]) for name in names]
    return {folder.id: folder for folder in made}


def folder_id(user: User, name: str) -> str:
    digest = hashlib.sha384(f"{user.id} {name}".encode()).digest()
    return f"AQMkAD{base64.urlsafe_b64encode(digest).decode()}AAA="


def _found(item: T | None) -> T:
    if item is None:
        raise not_found()
    return item
