"""Who of an address book could not be taken over: each by itself, with the reason, and again."""

from collections.abc import Callable, Iterator

import structlog
from django.db import InterfaceError, OperationalError

from calendars.errors import failure_reason
from calendars.models import ContactBook
from calendars.providers.base import Gone, Mailbox
from calendars.vocabulary.events import RemotePerson
from wedsync_comms.lib.errors import PermanentError

log = structlog.get_logger(__name__)

# Kept with a book, and asked for again at each reading.
MAX_KEPT, MAX_TRIED_AGAIN = 200, 20
MAX_REASON, MAX_SHOWN_NAME = 300, 120
# How `apply_person` would have counted it.
NOT_APPLIED = "not taken over"


class UnappliedPeople:
    """The people of one reading that could not be taken over."""

    def __init__(self, book: ContactBook) -> None:
        self.book = book
        self.before = dict(book.unapplied)
        self.entries: dict[str, dict[str, str]] = {}
        self.seen: set[str] = set()

    def attempt(self, person: RemotePerson, group: str, apply: Callable[[], str]) -> str:
        """Applies one person, and returns how it was counted.

        Whatever is wrong with it is stored with it, and ends nothing but itself. Raises only what
        is wrong with the database. `apply` undoes what it did of it.
        """
        self.seen.add(person.id)
        try:
            return apply()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("person_not_applied", book=self.book.pk, remote_id=person.id)
            self.entries[person.id] = {
                "name": person.name[:MAX_SHOWN_NAME],
                "reason": failure_reason(error)[:MAX_REASON],
                "group": group,
            }
            return NOT_APPLIED

    def read_again(self, box: Mailbox) -> Iterator[tuple[RemotePerson, str]]:
        """Yields who could not be taken over before and was not told of since, with the group."""
        again = [remote_id for remote_id in self.before if remote_id not in self.seen]
        for remote_id in again[:MAX_TRIED_AGAIN]:
            try:
                yield box.person(remote_id), self.before[remote_id].get("group", "")
            except Gone:
                self.seen.add(remote_id)
            except PermanentError as error:
                log.info("person_not_read_again", book=self.book.pk, error=str(error))

    def keep(self) -> None:
        """Stores what is left: of what was kept before, whom this reading did not see."""
        left = {key: entry for key, entry in self.before.items() if key not in self.seen}
        kept = dict(list({**left, **self.entries}.items())[:MAX_KEPT])
        if kept != self.before:
            ContactBook.objects.filter(pk=self.book.pk).update(unapplied=kept)
