"""Somebody is gone on one side. Deleting never goes through a merge, and never takes with it what
hangs on a contact; too many at once are believed by nobody but a person."""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from calendars.models import ContactBook, ContactConflict, ContactLink
from calendars.models.people import HeldPeople
from communications.book import merging
from communications.models import Address, Contact, Handle, Merge

# A handful may always go; beyond, no more than this share.
HANDFUL = 5
SHARE = 0.2
# What a contact may have and still be nothing but what came from an address book.
OWN = (Address, Handle, ContactLink)


def doubt(book: ContactBook, gone: Collection[object], *, is_empty: bool) -> str:
    """Why it is not to be believed that all these are gone; blank if it is."""
    linked = book.links.living().exclude(remote_id="").count()
    if not gone or book.held_decision:
        return ""
    if is_empty and linked > 1:
        return f"The address book came back empty; {linked} contacts would be gone."
    if len(gone) > max(HANDFUL, linked * SHARE):
        return f"{len(gone)} of {linked} contacts are gone at once."
    return ""


def hold(book: ContactBook, why: str) -> None:
    if book.held_at is None or book.held_reason != why:
        ContactBook.objects.filter(pk=book.pk).update(held_at=timezone.now(), held_reason=why)


def release(book: ContactBook) -> None:
    ContactBook.objects.filter(pk=book.pk).update(
        held_at=None,
        held_reason="",
        held_decision="",
    )


def forget(book: ContactBook) -> None:
    """Of whom we deleted, only the ids are kept, so that they do not come back."""
    ended = book.links.filter(contact=None).exclude(ours={}, theirs={}, raw={})
    ContactConflict.objects.filter(link__in=ended).delete()
    ended.update(ours={}, theirs={}, raw={})


def remove(book: ContactBook, remote_id: str) -> bool:
    """They deleted it, or a person said to keep it here all the same. Whether there was a link."""
    with transaction.atomic():
        link = book.links.select_for_update().living().filter(remote_id=remote_id).first()
        if link is None:
            return False
        contact = link.contact
        link.removed_at, link.must_write = timezone.now(), False
        link.save(update_fields=["removed_at", "must_write"])
        is_wanted = book.held_decision == HeldPeople.KEEP or not book.reads
        if contact is not None and not is_wanted and is_only_theirs(contact, link):
            contact.delete()
    return True


def is_only_theirs(contact: Contact, link: ContactLink) -> bool:
    """Whether nothing but this link makes it a contact."""
    if contact.changes.exclude(source="sync").exists() or contact.links.living().exists():
        return False
    if Merge.objects.filter(kept=contact).exists() or contact.merged.exists():
        return False
    others = contact.links.exclude(pk=link.pk).exists()
    return not others and not any(
        model._base_manager.filter(**{field: contact}).exists()  # noqa: SLF001 (documented)
        for model, field in merging.followers()
        if model not in OWN
    )
