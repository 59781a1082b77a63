"""Our changes -> the vendor's address book: one call per contact, each recorded when answered.

Repeating is harmless: what was created is found by its key, and an update names the version it
was made from.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from calendars.contacts import snapshot
from calendars.contacts.apply import VISIBILITY_DELAY, remember_version
from calendars.contacts.deletions import mass_removal_reason
from calendars.contacts.snapshot import ContactSnapshot
from calendars.models import ContactBook, ContactLink
from calendars.models.people import QuarantineDecision, new_key
from calendars.providers.base import Changed, Gone, GrantGone, Mailbox
from calendars.vocabulary.events import RemotePerson
from communications.book.contacts import AddressEntry
from communications.models import Contact
from wedsync_comms.lib.errors import OutcomeUnknown, PermanentError

Checkpoint = Callable[[], None]


def push_contacts(book: ContactBook, box: Mailbox, checkpoint: Checkpoint) -> tuple[int, str]:
    """Writes all that changed here; calls `checkpoint` before each contact, which may raise.

    Returns how many were written, and why deletions were held back; blank: they were not.
    """
    count = 0
    for link in changed_links(book):
        checkpoint()
        count += update_remote(link, box)
    for contact in unlinked_contacts(book):
        checkpoint()
        count += create_remote(book, contact, box)
    deleted = list(deleted_links(book))
    if why := mass_removal_reason(book, deleted, is_empty=False):
        return count, why
    for link in deleted:
        checkpoint()
        delete_remote(link, box)
    return count + len(deleted), ""


def delete_remote(link: ContactLink, box: Mailbox) -> None:
    if link.book.held_decision != QuarantineDecision.KEEP:
        box.delete_person(link.remote_id)
    ContactLink.objects.filter(pk=link.pk).update(removed_at=timezone.now(), must_write=False)


def count_pending(book: ContactBook) -> int:
    return (
        changed_links(book).count() + unlinked_contacts(book).count() + deleted_links(book).count()
    )


# --- what is pending ---


def changed_links(book: ContactBook) -> QuerySet[ContactLink]:
    """Returns links whose contact is newer than the vendor's version.

    Of two people there that are one contact here only the first is written: writing both would
    make two of the same.
    """
    first = (
        ContactLink.objects.living()
        .filter(book=book, contact__isnull=False)
        .order_by("contact", "pk")
    )
    newer = Q(contact__updated_at__gt=F("synced_at"))
    rows = book.links.living().filter(Q(must_write=True) | newer, contact__isnull=False)
    first_links: dict[int, int] = {}
    for pk, contact in first.values_list("pk", "contact"):
        first_links.setdefault(contact or 0, pk)
    return rows.filter(pk__in=first_links.values(), contact__merged_at=None).exclude(remote_id="")


def unlinked_contacts(book: ContactBook) -> QuerySet[Contact]:
    """Returns contacts never linked here, without those staff has yet to review."""
    linked = book.links.exclude(remote_id="").filter(contact__isnull=False)
    contacts = Contact.objects.filter(
        organization=book.account.organization_id,
        to_review=False,
        addresses__isnull=False,
    )
    return contacts.exclude(pk__in=linked.values("contact")).distinct().order_by("pk")


def deleted_links(book: ContactBook) -> QuerySet[ContactLink]:
    return book.links.living().filter(contact=None).exclude(remote_id="")


# --- writing ---


def update_remote(link: ContactLink, box: Mailbox) -> int:
    """Writes what the vendor lacks of our contact. Returns how many were written: 1 or 0.

    Raises ProviderError, but for a refusal of this one contact, which is recorded on its link.
    """
    contact = link.contact
    assert contact is not None  # noqa: S101 (filtered for)
    ours, theirs = snapshot.snapshot_of_contact(contact), ContactSnapshot.from_json(link.theirs)
    target = snapshot.merge_snapshots(
        ours,
        theirs,
        our_base=ContactSnapshot.from_json(link.ours),
        their_base=theirs,
        winner_of=lambda _name: "ours",
    ).theirs
    started = timezone.now()
    if target == theirs:
        link.ours, link.must_write, link.synced_at = ours.as_json(), False, started
        link.save()
        return 0
    written = call_update(link, target, box)
    if written is None:
        return 0
    record_written(link, written, ours, started)
    return 1


def call_update(link: ContactLink, target: ContactSnapshot, box: Mailbox) -> RemotePerson | None:
    """Returns what the vendor stored; None, recorded on the link, if it did not store it."""
    row = ContactLink.objects.filter(pk=link.pk)
    try:
        return box.update_person(remote_person_for(link, target))
    except Changed:
        # The next reading brings the vendor's present version, and merges.
        row.update(must_write=True)
    except Gone:
        row.update(removed_at=timezone.now(), must_write=False)
    except GrantGone:
        raise
    except PermanentError as error:
        record_refusal(link, error)
    return None


def create_remote(book: ContactBook, contact: Contact, box: Mailbox) -> int:
    """Creates the contact at the vendor. Returns how many were created: 1 or 0.

    Raises ProviderError, but for a refusal of this one contact, which is recorded on its link.
    """
    ours, started = snapshot.snapshot_of_contact(contact), timezone.now()
    link = book.links.filter(contact=contact, remote_id="").first()
    if link is not None and (is_still_refused(link, contact) or is_outcome_unknown(link, started)):
        return 0
    if link is None:
        # Stored before the call, so that the key is known if its answer is lost.
        link = ContactLink.objects.create(
            book=book,
            contact=contact,
            key=new_key(),
            group=next(iter(book.groups), ""),
            synced_at=started,
        )
    try:
        written = box.create_person(remote_person_for(link, ours))
    except OutcomeUnknown:
        ContactLink.objects.filter(pk=link.pk).update(written_at=started)
        raise
    except GrantGone:
        raise
    except PermanentError as error:
        record_refusal(link, error)
        return 0
    record_written(link, written, ours, started)
    return 1


def is_outcome_unknown(link: ContactLink, now: datetime) -> bool:
    """Returns whether a lost creation may still turn up: the vendor shows it within minutes, and
    reading finds it by our key. Until then it must not be created again."""
    return link.written_at is not None and link.written_at > now - VISIBILITY_DELAY


def is_still_refused(link: ContactLink, contact: Contact) -> bool:
    """Returns whether the vendor refused the contact as it is now."""
    return bool(link.error) and contact.updated_at <= link.synced_at


def record_refusal(link: ContactLink, error: Exception) -> None:
    """Stores why this contact cannot be written; the others can."""
    ContactLink.objects.filter(pk=link.pk).update(
        error=f"{type(error).__name__}: {error}",
        must_write=False,
        synced_at=timezone.now(),
    )


def remote_person_for(link: ContactLink, target: ContactSnapshot) -> RemotePerson:
    return snapshot.to_remote_person(
        target,
        id=link.remote_id,
        etag=link.etag,
        key=link.key,
        group=link.group,
        raw=link.raw,
        region=link.book.account.organization.region,
        ours=entries_by_preference(link),
    )


def entries_by_preference(link: ContactLink) -> list[AddressEntry]:
    """Returns the contact's addresses, the primary ones first: a vendor may take only some."""
    rows = link.contact.addresses.order_by("-is_primary", "pk") if link.contact else ()
    return [AddressEntry(row.channel, row.value, row.label, row.is_primary) for row in rows]


def record_written(
    link: ContactLink, written: RemotePerson, ours: ContactSnapshot, started: datetime
) -> None:
    """Stores the vendor's answer as the base. What changed here since `started` is written by the
    next sync."""
    region = link.book.account.organization.region
    link.remote_id = written.id
    remember_version(link, written)
    link.ours, link.theirs = ours.as_json(), snapshot.snapshot_of_person(written, region).as_json()
    link.raw, link.must_write, link.error = snapshot.raw_addresses(written), False, ""
    link.written_at = link.synced_at = started
    link.save()
