"""read -> apply -> push: an address book and our contacts become the same, as the book allows.

One process at a time holds a book, by lease. A cursor is stored only after everything before it
was applied; applying twice changes nothing.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import structlog
from django.db.models import F, Q
from django.utils import timezone

from calendars.contacts import deletions, push
from calendars.contacts.apply import VISIBILITY_DELAY, apply_person
from calendars.contacts.unapplied import UnappliedPeople
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import ContactBook
from calendars.providers.base import CursorExpired, Gone, Mailbox
from calendars.vocabulary.events import PeoplePage, RemotePerson, Removed
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.leases.row_lease import acquire_rows
from wedsync_comms.lib.turns.rows import in_turns

log = structlog.get_logger(__name__)

# A holder of a book that reports no progress for so long has lost it.
BOOK_LEASE = timedelta(minutes=5)
POLL_EVERY = timedelta(minutes=2)
# By the number of cursors in a row that expired: a book whose cursors never hold is read rarely.
EXPIRY_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (0, 2, 5, 15, 60))
BOOKS_AT_ONCE = 10
# More than any address book has that ends.
MAX_PAGES = 1000


class SyncCancelled(Exception):
    """Staff stopped the sync. What was done stays, and the next sync continues from there."""


def due_books() -> list[int]:
    """Returns the ids of books with announced or polled changes that no process holds, of the
    organizations in turns."""
    due = ContactBook.objects.due(timezone.now())
    books = in_turns(due, "account__organization", first=[F("sync_after").asc()])
    return list(books.values_list("pk", flat=True)[:BOOKS_AT_ONCE])


def sync_book(key: int) -> bool:
    """Syncs a book as its direction says. Returns False if another process holds it."""
    book = claim_book(key)
    if book is None:
        return False
    try:
        run_sync(book)
    except SyncCancelled:
        finish_sync(book, error="Stopped by a person.", pause=timedelta(hours=12))
    except ProviderError as error:
        log.info("contacts", book=key, outcome=type(error).__name__)
        finish_sync(book, error=f"{type(error).__name__}: {error}")
    except Exception as error:
        finish_sync(book, error=f"{type(error).__name__}: {error}")
        raise
    return True


def claim_book(key: int) -> ContactBook | None:
    """Takes the book's lease; None if another process holds it."""
    followed = ContactBook.objects.followed().filter(pk=key).values("pk")
    mine = ContactBook.objects.filter(pk__in=followed)
    begun = {"is_cancelled": False, "done": 0, "total": None}
    if not acquire_rows(mine, "syncing_until", BOOK_LEASE, **begun):
        return None
    return ContactBook.objects.select_related("account__organization").get(pk=key)


def run_sync(book: ContactBook) -> None:
    """Reads, then writes; quarantines the book if too many are gone. Raises ProviderError and
    SyncCancelled."""
    announced = book.account.people_dirty
    deletions.erase_deleted(book)
    outcome: dict[str, int] = {}
    with open_mailbox(book.account) as box:
        doubt = read_people(book, box, outcome)
    if book.writes:
        with open_mailbox(book.account) as box:
            begin_stage(book, "writing", push.count_pending(book))
            count, why = push.push_contacts(book, box, partial(report_progress, book))
        outcome["written"] = count
        doubt = doubt or why
    if doubt:
        deletions.quarantine_book(book, doubt)
    else:
        deletions.release_book(book)
    row = ContactBook.objects.filter(pk=book.pk)
    row.update(seen_dirty=announced, last_synced_at=timezone.now())
    if any(outcome.values()):
        row.update(outcome=outcome)
    pause = EXPIRY_PAUSES[min(book.expiries, len(EXPIRY_PAUSES) - 1)]
    finish_sync(book, error="", pause=max(POLL_EVERY, pause))


def finish_sync(book: ContactBook, *, error: str, pause: timedelta = POLL_EVERY) -> None:
    ContactBook.objects.filter(pk=book.pk).update(
        syncing_until=None,
        sync_after=timezone.now() + pause,
        stage="",
        error=error,
    )


# --- reading ---


def read_people(book: ContactBook, box: Mailbox, outcome: dict[str, int]) -> str:
    """Applies everything that changed there since the cursors.

    Returns why removals were held back; blank: they were not. Raises ProviderError.
    """
    begin_stage(book, "reading", None)
    # None: the vendor said so. A group: missing from a full listing of it.
    gone: dict[str, str | None] = {}
    cursors: dict[str, str] = {}
    is_empty = False
    unapplied = UnappliedPeople(book)
    for group in book.groups or [""]:
        cursor = book.cursors.get(group, "")
        if book.held_decision:
            # The decision is about what is gone now, not about what was when it was held.
            cursor = ""
        try:
            found, seen, cursors[group] = apply_pages(unapplied, box, group, cursor, outcome)
        except CursorExpired:
            ContactBook.objects.filter(pk=book.pk).update(expiries=F("expiries") + 1)
            book.expiries += 1
            cursor = ""
            found, seen, cursors[group] = apply_pages(unapplied, box, group, "", outcome)
        else:
            book.expiries = 0 if cursor else book.expiries
        gone |= dict.fromkeys(absent_ids(book, group, seen), group) if not cursor else {}
        gone |= dict.fromkeys(found)
        is_empty = is_empty or (not cursor and not seen)
    apply_again(unapplied, box, outcome)
    why = deletions.mass_removal_reason(book, set(gone), is_empty=is_empty)
    if not why:
        apply_removals(book, box, gone, cursors, outcome)
    # The cursor of an implausible answer is not kept: it is asked for again.
    return why


def apply_removals(
    book: ContactBook,
    box: Mailbox,
    gone: dict[str, str | None],
    cursors: dict[str, str],
    outcome: dict[str, int],
) -> None:
    """Removes who is gone and stores the cursors, unless people were missing by mistake."""
    left_out = set() if book.held_decision else still_present_ids(book, box, gone)
    removed = [remote_id for remote_id in gone if remote_id not in left_out]
    outcome["removed"] = sum(deletions.apply_removal(book, remote_id) for remote_id in removed)
    if left_out:
        # The listing was cut off. It is read from the start again, ever more rarely.
        log.warning("contacts_left_out", book=book.pk, count=len(left_out))
        cursors = {}
        book.expiries += 1
    ContactBook.objects.filter(pk=book.pk).update(cursors=cursors, expiries=book.expiries)


def still_present_ids(book: ContactBook, box: Mailbox, gone: dict[str, str | None]) -> set[str]:
    """Asks for each missing person: a listing that was cut off looks like a whole one."""
    found = set()
    for remote_id, group in gone.items():
        if group is not None and is_still_present(box, remote_id, group):
            found.add(remote_id)
        report_progress(book)
    return found


def is_still_present(box: Mailbox, remote_id: str, group: str) -> bool:
    try:
        person = box.person(remote_id)
    except Gone:
        return False
    return person.id == remote_id and (not group or group in person.groups)


def apply_pages(
    unapplied: UnappliedPeople,
    box: Mailbox,
    group: str,
    cursor: str,
    outcome: dict[str, int],
) -> tuple[list[str], set[str], str]:
    """Applies a listing page by page.

    Returns who is gone by the vendor's word, who is present, and the next cursor. Raises
    CursorExpired.
    """
    book = unapplied.book
    gone: list[str] = []
    seen: set[str] = set()
    page = ""
    for _ in range(MAX_PAGES):
        people = box.people(cursor, page, group)
        if people.total is not None:
            begin_stage(book, "reading", people.total)
        for person in merged_first(people):
            seen |= {person.id, *person.previous_ids}
            report_progress(book)
            apply_one(unapplied, person, group, outcome)
        gone += [item.id for item in people.items if isinstance(item, Removed)]
        page = people.next_page
        if not page:
            return [remote_id for remote_id in gone if remote_id not in seen], seen, people.cursor
    raise CursorExpired("The pages have no end.", code="endless")


def apply_one(
    unapplied: UnappliedPeople, person: RemotePerson, group: str, outcome: dict[str, int]
) -> None:
    """Applies a person by itself, and counts it."""
    kind = unapplied.attempt(person, group, partial(apply_person, unapplied.book, person, group))
    outcome[kind] = outcome.get(kind, 0) + (kind not in {"same", "stale"})


def apply_again(unapplied: UnappliedPeople, box: Mailbox, outcome: dict[str, int]) -> None:
    """Tries those again who could not be applied before, and stores who still cannot be."""
    for person, group in unapplied.read_again(box):
        apply_one(unapplied, person, group, outcome)
    unapplied.keep()


def merged_first(people: PeoplePage) -> Iterable[RemotePerson]:
    """Returns merged people first, so that the ids they replace do not count as gone."""
    persons = [item for item in people.items if isinstance(item, RemotePerson)]
    return sorted(persons, key=lambda person: not person.previous_ids)


def absent_ids(book: ContactBook, group: str, seen: set[str]) -> list[str]:
    """Returns the linked ids that a full listing lacks, but for what we wrote a moment ago, which
    vendors show only after minutes."""
    fresh = Q(written_at__gt=timezone.now() - VISIBILITY_DELAY)
    rows = book.links.living().filter(group=group).exclude(remote_id="").exclude(fresh)
    return [key for key in rows.values_list("remote_id", flat=True) if key not in seen]


# --- progress ---


def begin_stage(book: ContactBook, name: str, total: int | None) -> None:
    book.done = 0 if name != book.stage else book.done
    book.stage = name
    ContactBook.objects.filter(pk=book.pk).update(stage=name, done=book.done, total=total)


def report_progress(book: ContactBook) -> None:
    """Counts one more contact and extends the lease. Raises SyncCancelled once staff said stop."""
    book.done += 1
    row = ContactBook.objects.filter(pk=book.pk, is_cancelled=False)
    if not row.update(done=book.done, syncing_until=timezone.now() + BOOK_LEASE):
        raise SyncCancelled
