"""read -> apply -> write: their contacts and ours become the same, as far as a book allows.

One process at a time has a book. A cursor is stored only after everything it stands for was
applied; what is applied twice changes nothing.
"""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db.models import F, Q
from django.utils import timezone

from calendars.contacts import (
    deletions,
    push,
)
from calendars.contacts.apply import (
    STALE,
    apply,
)
from calendars.mailbox.mailbox import mailbox
from calendars.models import ContactBook
from calendars.providers.base import CursorExpired, Gone, Mailbox
from calendars.vocabulary.events import (
    People,
    RemotePerson,
    Removed,
)
from wedsync_comms.lib.errors import ProviderError

log = structlog.get_logger(__name__)

# Whoever has a book keeps it so long without a sign of life.
LEASE = timedelta(minutes=5)
USUAL = timedelta(minutes=2)
# After the n-th cursor in a row that expired: a book whose cursors never hold is read more rarely.
EXPIRED = (0, 2, 5, 15, 60)
BATCH = 10


class Cancelled(Exception):
    """Somebody stopped it. What was done stays; the next time goes on from there."""


def due() -> list[int]:
    """What was announced or is to be polled, and nobody is at."""
    books = ContactBook.objects.due(timezone.now()).order_by("sync_after", "pk")
    return list(books.values_list("pk", flat=True)[:BATCH])


def sync(key: int) -> bool:
    """One book, in both directions. False if somebody else is at it."""
    book = claimed(key)
    if book is None:
        return False
    try:
        run(book)
    except Cancelled:
        finish(book, error="Stopped by a person.", pause=timedelta(hours=12))
    except ProviderError as error:
        log.info("contacts", book=key, outcome=type(error).__name__)
        finish(book, error=f"{type(error).__name__}: {error}")
    except Exception as error:
        finish(book, error=f"{type(error).__name__}: {error}")
        raise
    return True


def claimed(key: int) -> ContactBook | None:
    now = timezone.now()
    free = Q(syncing_until=None) | Q(syncing_until__lte=now)
    mine = ContactBook.objects.followed().filter(pk=key).values("pk")
    if not ContactBook.objects.filter(free, pk__in=mine).update(
        syncing_until=now + LEASE,
        is_cancelled=False,
        done=0,
        total=None,
    ):
        return None
    return ContactBook.objects.select_related("account__organization").get(pk=key)


def run(book: ContactBook) -> None:
    dirty = book.account.people_dirty
    deletions.forget(book)
    outcome: dict[str, int] = {}
    with mailbox(book.account) as box:
        doubt = read(book, box, outcome)
    if book.writes:
        with mailbox(book.account) as box:
            stage(book, "writing", push.pending(book))
            count, why = push.write(book, box, lambda: step(book))
        outcome["written"] = count
        doubt = doubt or why
    if doubt:
        deletions.hold(book, doubt)
    else:
        deletions.release(book)
    ContactBook.objects.filter(pk=book.pk).update(seen_dirty=dirty, last_synced_at=timezone.now())
    if any(outcome.values()):
        ContactBook.objects.filter(pk=book.pk).update(outcome=outcome)
    pause = timedelta(minutes=EXPIRED[min(book.expiries, len(EXPIRED) - 1)])
    finish(book, error="", pause=max(USUAL, pause))


def finish(book: ContactBook, *, error: str, pause: timedelta = USUAL) -> None:
    ContactBook.objects.filter(pk=book.pk).update(
        syncing_until=None,
        sync_after=timezone.now() + pause,
        stage="",
        error=error,
    )


# --- reading ---


def read(book: ContactBook, box: Mailbox, outcome: dict[str, int]) -> str:
    """Everything that changed there. Why nothing was removed, if it was not; else blank."""
    stage(book, "reading", None)
    # None: by the vendor's own word. A group: a full answer did not have them.
    gone: dict[str, str | None] = {}
    cursors: dict[str, str] = {}
    is_empty = False
    for group in book.groups or [""]:
        cursor = book.cursors.get(group, "")
        if book.held_decision:
            # Decided about what is gone now, not about what was when it was held.
            cursor = ""
        try:
            found, seen, cursors[group] = pages(book, box, group, cursor, outcome)
        except CursorExpired:
            ContactBook.objects.filter(pk=book.pk).update(expiries=F("expiries") + 1)
            book.expiries += 1
            cursor = ""
            found, seen, cursors[group] = pages(book, box, group, "", outcome)
        else:
            book.expiries = 0 if cursor else book.expiries
        gone |= dict.fromkeys(unseen(book, group, seen), group) if not cursor else {}
        gone |= dict.fromkeys(found)
        is_empty = is_empty or (not cursor and not seen)
    why = deletions.doubt(book, set(gone), is_empty=is_empty)
    if not why:
        believe(book, box, gone, cursors, outcome)
    # A doubtful answer is asked for again, so its cursor is not kept.
    return why


def believe(
    book: ContactBook,
    box: Mailbox,
    gone: dict[str, str | None],
    cursors: dict[str, str],
    outcome: dict[str, int],
) -> None:
    left_out = set() if book.held_decision else still_there(book, box, gone)
    outcome["removed"] = sum(deletions.remove(book, one) for one in gone if one not in left_out)
    if left_out:
        # It was cut off. It is asked for from the start again, ever more rarely.
        log.warning("contacts_left_out", book=book.pk, count=len(left_out))
        cursors = {}
        book.expiries += 1
    ContactBook.objects.filter(pk=book.pk).update(cursors=cursors, expiries=book.expiries)


def still_there(book: ContactBook, box: Mailbox, gone: dict[str, str | None]) -> set[str]:
    """Asked for one by one: an answer that was cut off looks like a whole one."""
    found = set()
    for one, group in gone.items():
        if group is not None and is_there(box, one, group):
            found.add(one)
        step(book)
    return found


def is_there(box: Mailbox, person: str, group: str) -> bool:
    try:
        there = box.person(person)
    except Gone:
        return False
    return there.id == person and (not group or group in there.groups)


def pages(
    book: ContactBook,
    box: Mailbox,
    group: str,
    cursor: str,
    outcome: dict[str, int],
) -> tuple[list[str], set[str], str]:
    """Who is gone by the vendor's own word, who is there, and where to go on. Raises
    CursorExpired."""
    gone: list[str] = []
    seen: set[str] = set()
    page = ""
    while True:
        people = box.people(cursor, page, group)
        if people.total is not None:
            stage(book, "reading", people.total)
        for person in ordered(people):
            seen |= {person.id, *person.previous_ids}
            step(book)
            what = apply(book, person, group)
            outcome[what] = outcome.get(what, 0) + (what not in {"same", "stale"})
        gone += [one.id for one in people.items if isinstance(one, Removed)]
        page = people.next_page
        if not page:
            return [one for one in gone if one not in seen], seen, people.cursor


def ordered(people: People) -> Iterable[RemotePerson]:
    """Those that were merged first: before what they were made of counts as gone."""
    found = [one for one in people.items if isinstance(one, RemotePerson)]
    return sorted(found, key=lambda one: not one.previous_ids)


def unseen(book: ContactBook, group: str, seen: set[str]) -> list[str]:
    """Of a full answer: whoever is not in it is gone, but for what we wrote a moment ago, which
    vendors show only after minutes."""
    fresh = Q(written_at__gt=timezone.now() - STALE)
    rows = book.links.living().filter(group=group).exclude(remote_id="").exclude(fresh)
    return [one for one in rows.values_list("remote_id", flat=True) if one not in seen]


# --- progress ---


def stage(book: ContactBook, name: str, total: int | None) -> None:
    book.done = 0 if name != book.stage else book.done
    book.stage = name
    ContactBook.objects.filter(pk=book.pk).update(stage=name, done=book.done, total=total)


def step(book: ContactBook) -> None:
    """One more is being done. Raises Cancelled once somebody said stop."""
    book.done += 1
    mine = ContactBook.objects.filter(pk=book.pk, is_cancelled=False)
    if not mine.update(done=book.done, syncing_until=timezone.now() + LEASE):
        raise Cancelled
