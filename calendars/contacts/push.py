"""What changed here -> their address book: one change after the other, each noted when it is done.

A repetition is harmless: what was created is found by its key, what was changed is compared with
the version it was changed from.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from calendars.contacts import snapshot
from calendars.contacts.apply import (
    STALE,
    remember_version,
)
from calendars.contacts.deletions import doubt
from calendars.contacts.snapshot import Card
from calendars.models import ContactBook, ContactLink
from calendars.models.people import HeldPeople, new_key
from calendars.providers.base import Changed, Gone, GrantGone, Mailbox
from calendars.vocabulary.events import RemotePerson
from communications.models import Contact
from wedsync_comms.lib.errors import OutcomeUnknown, PermanentError

Step = Callable[[], None]


def write(book: ContactBook, box: Mailbox, step: Step) -> tuple[int, str]:
    """How many were written, and why nothing was deleted there if it was not. `step` is called
    before each, and may raise to stop."""
    count = 0
    for link in changed(book):
        step()
        count += update(link, box)
    for contact in missing(book):
        step()
        count += create(book, contact, box)
    gone = list(deleted(book))
    if why := doubt(book, gone, is_empty=False):
        return count, why
    for link in gone:
        step()
        delete(link, box)
    return count + len(gone), ""


def delete(link: ContactLink, box: Mailbox) -> None:
    if link.book.held_decision != HeldPeople.KEEP:
        box.delete_person(link.remote_id)
    ContactLink.objects.filter(pk=link.pk).update(removed_at=timezone.now(), must_write=False)


def pending(book: ContactBook) -> int:
    return changed(book).count() + missing(book).count() + deleted(book).count()


# --- what is to be done ---


def changed(book: ContactBook) -> QuerySet[ContactLink]:
    """Of two people there that are one here, only the first is written: two of the same would be
    of no use to anybody."""
    first = (
        ContactLink.objects.living()
        .filter(book=book, contact__isnull=False)
        .order_by("contact", "pk")
    )
    newer = Q(contact__updated_at__gt=F("synced_at"))
    rows = book.links.living().filter(Q(must_write=True) | newer, contact__isnull=False)
    seen: dict[int, int] = {}
    for pk, contact in first.values_list("pk", "contact"):
        seen.setdefault(contact or 0, pk)
    return rows.filter(pk__in=seen.values(), contact__merged_at=None).exclude(remote_id="")


def missing(book: ContactBook) -> QuerySet[Contact]:
    """Ours that they do not have, but for those they deleted and those nobody has looked at."""
    linked = book.links.exclude(remote_id="").filter(contact__isnull=False)
    contacts = Contact.objects.filter(
        organization=book.account.organization_id,
        to_review=False,
        addresses__isnull=False,
    )
    return contacts.exclude(pk__in=linked.values("contact")).distinct().order_by("pk")


def deleted(book: ContactBook) -> QuerySet[ContactLink]:
    return book.links.living().filter(contact=None).exclude(remote_id="")


# --- doing it ---


def update(link: ContactLink, box: Mailbox) -> int:
    contact = link.contact
    assert contact is not None  # noqa: S101 (filtered for)
    ours, theirs = snapshot.of_contact(contact), Card.from_json(link.theirs)
    merged = snapshot.merge(
        ours,
        theirs,
        our_base=Card.from_json(link.ours),
        their_base=theirs,
        judge=lambda _name: "ours",
    )
    started = timezone.now()
    if merged.theirs == theirs:
        link.ours, link.must_write, link.synced_at = ours.as_json(), False, started
        link.save()
        return 0
    wanted = as_person(link, merged.theirs)
    try:
        written = box.update_person(wanted)
    except Changed:
        # The next reading brings what they have now, and merges.
        ContactLink.objects.filter(pk=link.pk).update(must_write=True)
        return 0
    except Gone:
        ContactLink.objects.filter(pk=link.pk).update(removed_at=started, must_write=False)
        return 0
    except GrantGone:
        raise
    except PermanentError as error:
        refuse(link, error)
        return 0
    settle(link, written, ours, started)
    return 1


def create(book: ContactBook, contact: Contact, box: Mailbox) -> int:
    link = book.links.filter(contact=contact, remote_id="").first()
    ours, started = snapshot.of_contact(contact), timezone.now()
    if link is not None and (link.error or is_uncertain(link, started)):
        return 0
    if link is None:
        # Before the vendor is asked: an answer that is lost must find its way back.
        link = ContactLink.objects.create(
            book=book,
            contact=contact,
            key=new_key(),
            group=next(iter(book.groups), ""),
            synced_at=started,
        )
    try:
        written = box.create_person(as_person(link, ours))
    except OutcomeUnknown:
        ContactLink.objects.filter(pk=link.pk).update(written_at=started)
        raise
    except GrantGone:
        raise
    except PermanentError as error:
        refuse(link, error)
        return 0
    settle(link, written, ours, started)
    return 1


def is_uncertain(link: ContactLink, now: datetime) -> bool:
    """It may be there: the vendor shows it within minutes, with our key, and reading finds it.
    Until then it must not be created again."""
    return link.written_at is not None and link.written_at > now - STALE


def refuse(link: ContactLink, error: Exception) -> None:
    """This one cannot be written; the others can."""
    ContactLink.objects.filter(pk=link.pk).update(
        error=f"{type(error).__name__}: {error}",
        must_write=False,
        synced_at=timezone.now(),
    )


def as_person(link: ContactLink, card: Card) -> RemotePerson:
    return snapshot.as_person(
        card,
        id=link.remote_id,
        etag=link.etag,
        key=link.key,
        group=link.group,
        raw=link.raw,
        region=link.book.account.organization.region,
    )


def settle(link: ContactLink, written: RemotePerson, ours: Card, started: datetime) -> None:
    """They are as they answered. What changed here meanwhile is written next time."""
    region = link.book.account.organization.region
    link.remote_id = written.id
    remember_version(link, written)
    link.ours, link.theirs = ours.as_json(), snapshot.of_person(written, region).as_json()
    link.raw, link.must_write, link.error = snapshot.raw_of(written), False, ""
    link.written_at = link.synced_at = started
    link.save()
