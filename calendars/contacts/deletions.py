"""A person was deleted on one side. A deletion never undoes a merge and never takes with it what
belongs to a contact; too many at once are quarantined until staff decides."""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from calendars.models import ContactBook, ContactConflict, ContactLink
from calendars.models.people import QuarantineDecision
from communications.book import merging
from communications.models import Address, Contact, Handle, Merge

# So many may always be deleted at once; beyond, no more than this share of the links.
ALWAYS_PLAUSIBLE = 5
MAX_REMOVED_SHARE = 0.2
# Rows that every synchronised contact has: they do not make it worth keeping.
REBUILT_BY_SYNC = (Address, Handle, ContactLink)


def mass_removal_reason(book: ContactBook, gone: Collection[object], *, is_empty: bool) -> str:
    """Returns why so many deletions at once are implausible; blank: they are applied."""
    linked = book.links.living().exclude(remote_id="").count()
    if not gone or book.held_decision:
        return ""
    if is_empty and linked > 1:
        return f"The address book came back empty; {linked} contacts would be gone."
    if len(gone) > max(ALWAYS_PLAUSIBLE, linked * MAX_REMOVED_SHARE):
        return f"{len(gone)} of {linked} contacts are gone at once."
    return ""


def quarantine_book(book: ContactBook, why: str) -> None:
    """Holds deletions back until staff decides, with the reason shown to them."""
    if book.held_at is None or book.held_reason != why:
        ContactBook.objects.filter(pk=book.pk).update(held_at=timezone.now(), held_reason=why)


def release_book(book: ContactBook) -> None:
    ContactBook.objects.filter(pk=book.pk).update(
        held_at=None,
        held_reason="",
        held_decision="",
    )


def erase_deleted(book: ContactBook) -> None:
    """Erases what the links of deleted contacts hold, but for the ids that keep them deleted."""
    ended = book.links.filter(contact=None).exclude(ours={}, theirs={}, raw={})
    ContactConflict.objects.filter(link__in=ended).delete()
    ended.update(ours={}, theirs={}, raw={})


def apply_removal(book: ContactBook, remote_id: str) -> bool:
    """Ends the link of a person deleted there; deletes our contact if nothing else needs it.

    Returns whether there was a link.
    """
    with transaction.atomic():
        link = book.links.select_for_update().living().filter(remote_id=remote_id).first()
        if link is None:
            return False
        contact = link.contact
        link.removed_at, link.must_write = timezone.now(), False
        link.save(update_fields=["removed_at", "must_write"])
        keeps_ours = book.held_decision == QuarantineDecision.KEEP or not book.reads
        if contact is not None and not keeps_ours and is_only_from_link(contact, link):
            contact.delete()
    return True


def is_only_from_link(contact: Contact, link: ContactLink) -> bool:
    """Returns whether the contact has nothing but what this link brought."""
    if contact.changes.exclude(source="sync").exists() or contact.links.living().exists():
        return False
    if Merge.objects.filter(kept=contact).exists() or contact.merged.exists():
        return False
    others = contact.links.exclude(pk=link.pk).exists()
    return not others and not any(
        model._base_manager.filter(**{field: contact}).exists()  # noqa: SLF001 (documented)
        for model, field in merging.followers()
        if model not in REBUILT_BY_SYNC
    )
