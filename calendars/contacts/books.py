"""What a person says about an address book: what it is for, stop, they are really gone, who is
right."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from calendars import enqueue
from calendars.contacts.snapshot import NAMES
from calendars.models import Account, ContactBook, ContactConflict, ContactLink
from calendars.models.people import HeldPeople
from communications.book import contacts
from communications.book.history import Cause
from communications.errors import NotPossible
from communications.models import Origin


def follow(account: Account, **options: Any) -> ContactBook:
    """From now on, read only unless told otherwise. Safe to repeat."""
    book, _ = ContactBook.objects.get_or_create(account=account, defaults=options)
    begin(book)
    return book


def configure(book: ContactBook, **options: Any) -> None:
    """Other groups mean reading everything again; nothing is removed because it is in no chosen
    group any more."""
    if "groups" in options and options["groups"] != book.groups:
        options["cursors"] = {}
    for name, value in options.items():
        setattr(book, name, value)
    book.save(update_fields=list(options))
    begin(book)


def begin(book: ContactBook) -> None:
    """A worker does it now; should the wake-up be lost, the schedule finds it."""
    ContactBook.objects.filter(pk=book.pk).update(sync_after=timezone.now())
    enqueue.sync_people(book.pk)


def stop(book: ContactBook) -> None:
    """What runs ends before its next contact. Raises NotPossible where nothing does."""
    running = ContactBook.objects.filter(pk=book.pk, syncing_until__gt=timezone.now())
    if not running.update(is_cancelled=True):
        raise NotPossible("It is not running.")


def decide_held(book: ContactBook, decision: HeldPeople) -> None:
    """Raises NotPossible where nothing is held."""
    held = ContactBook.objects.filter(pk=book.pk, held_at__isnull=False)
    if not held.update(held_decision=decision):
        raise NotPossible("Nothing is held.")
    begin(book)


def decide(conflict: ContactConflict, winner: str, *, by: str) -> None:
    """`winner`: ours or theirs. The other side becomes so with the next run. Raises NotPossible."""
    with transaction.atomic():
        conflict = ContactConflict.objects.select_for_update().get(pk=conflict.pk)
        if conflict.decision:
            raise NotPossible("Somebody decided already.")
        link = ContactLink.objects.select_for_update().get(pk=conflict.link_id)
        if winner == "theirs":
            take(conflict, link, by)
        else:
            # As if ours had changed since both agreed on theirs.
            link.ours = {**link.ours, conflict.field: conflict.theirs}
            link.must_write = link.book.writes
            link.save(update_fields=["ours", "must_write"])
        conflict.decision, conflict.decided_by = winner, by
        conflict.decided_at = timezone.now()
        conflict.save(update_fields=["decision", "decided_by", "decided_at"])
        begin(link.book)


def take(conflict: ContactConflict, link: ContactLink, by: str) -> None:
    if link.contact is None:
        raise NotPossible("The contact is gone.")
    values = {conflict.field: conflict.theirs}
    if conflict.field == NAMES:
        columns = ("name", "given_name", "family_name")
        values = dict(zip(columns, conflict.theirs or (), strict=True))
    contacts.change(link.contact, cause=Cause(Origin.STAFF, by), **values)
    link.ours = {**link.ours, conflict.field: conflict.theirs}
    link.synced_at = timezone.now()
    link.save(update_fields=["ours", "synced_at"])
