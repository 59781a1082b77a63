"""What staff does with an address book: follow, configure, stop, decide quarantines, conflicts."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from calendars import enqueue
from calendars.contacts.snapshot import NAME_COLUMNS, NAME_PARTS
from calendars.models import Account, ContactBook, ContactConflict, ContactLink
from calendars.models.people import QuarantineDecision
from communications.book import contacts
from communications.book.history import Cause
from communications.errors import NotPossible
from communications.models import Origin


def follow_book(account: Account, **options: Any) -> ContactBook:
    """Synchronises the account's contacts from now on; read-only by default. Safe to repeat."""
    book, _ = ContactBook.objects.get_or_create(account=account, defaults=options)
    request_sync(book)
    return book


def configure_book(book: ContactBook, **options: Any) -> None:
    """Stores the options. New groups are read from the start; nothing is removed for being in no
    chosen group any more."""
    if "groups" in options and options["groups"] != book.groups:
        options["cursors"] = {}
    for name, value in options.items():
        setattr(book, name, value)
    book.save(update_fields=list(options))
    request_sync(book)


def request_sync(book: ContactBook) -> None:
    """Makes the book due and wakes a worker; if the wake-up is lost, the schedule finds it."""
    ContactBook.objects.filter(pk=book.pk).update(sync_after=timezone.now())
    enqueue.enqueue_contact_sync(book.pk)


def cancel_sync(book: ContactBook) -> None:
    """Ends the running sync before its next contact. Raises NotPossible if none runs."""
    running = ContactBook.objects.filter(pk=book.pk, syncing_until__gt=timezone.now())
    if not running.update(is_cancelled=True):
        raise NotPossible("It is not running.")


def decide_quarantine(book: ContactBook, decision: QuarantineDecision) -> None:
    """Lets the next sync apply the decision. Raises NotPossible if nothing is quarantined."""
    held = ContactBook.objects.filter(pk=book.pk, held_at__isnull=False)
    if not held.update(held_decision=decision):
        raise NotPossible("Nothing is held.")
    request_sync(book)


def resolve_contact_conflict(conflict: ContactConflict, winner: str, *, by: str) -> None:
    """Settles a field for `winner`, "ours" or "theirs"; the next sync carries it to the other side.

    Raises NotPossible if it is decided already or the contact is gone.
    """
    with transaction.atomic():
        conflict = ContactConflict.objects.select_for_update().get(pk=conflict.pk)
        if conflict.decision:
            raise NotPossible("Somebody decided already.")
        link = ContactLink.objects.select_for_update().get(pk=conflict.link_id)
        if winner == "theirs":
            take_their_value(conflict, link, by)
        else:
            # With their value as our base, ours counts as changed since.
            link.ours = {**link.ours, conflict.field: conflict.theirs}
            link.must_write = link.book.writes
            link.save(update_fields=["ours", "must_write"])
        conflict.decision, conflict.decided_by = winner, by
        conflict.decided_at = timezone.now()
        conflict.save(update_fields=["decision", "decided_by", "decided_at"])
        request_sync(link.book)


def take_their_value(conflict: ContactConflict, link: ContactLink, by: str) -> None:
    """Writes their value to our contact. Raises NotPossible if it is gone."""
    if link.contact is None:
        raise NotPossible("The contact is gone.")
    values = {conflict.field: conflict.theirs}
    if conflict.field == NAME_PARTS:
        values = dict(zip(NAME_COLUMNS, conflict.theirs or (), strict=True))
    contacts.change_contact(link.contact, cause=Cause(Origin.STAFF, by), **values)
    link.ours = {**link.ours, conflict.field: conflict.theirs}
    link.synced_at = timezone.now()
    link.save(update_fields=["ours", "synced_at"])
