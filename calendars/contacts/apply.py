"""A person of theirs -> our contact, and what is to be written back.

Every item is applied by itself and by what it says now, so applying it twice changes nothing.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from calendars.contacts import (
    matching,
    snapshot,
)
from calendars.contacts.snapshot import (
    NAMES,
    Card,
    Conflict,
    Merged,
)
from calendars.models import ContactBook, ContactConflict, ContactLink
from calendars.models.accounts import Policy
from calendars.models.people import new_key
from calendars.vocabulary.events import RemotePerson
from communications.book import contacts, merging
from communications.book.contacts import Entry
from communications.book.history import Cause
from communications.errors import InvalidAddress, NotPossible
from communications.models import Channel, Contact, ContactChange, Origin

# Vendors show what was written with a delay of minutes.
STALE = timedelta(minutes=15)
PAST = 10


def apply(book: ContactBook, person: RemotePerson, group: str = "") -> str:
    """What it was: new, changed, same, stale, left. Follows what the vendor merged or renamed."""
    with transaction.atomic():
        link = found(book, person)
        if link is None:
            return meet(book, person, group)
        if person.etag and person.etag in link.past_etags:
            return "stale"
        if link.contact is None:
            return deleted_here(link, person)
        return follow(link, person)


def found(book: ContactBook, person: RemotePerson) -> ContactLink | None:
    """By its id, one it had before, or our key; several are one now."""
    ids = [person.id, *person.previous_ids]
    links = list(book.links.select_for_update().filter(remote_id__in=ids))
    if person.key:
        links += book.links.select_for_update().filter(key=person.key, remote_id="")
    if not links:
        return None
    links.sort(key=lambda one: (one.remote_id != person.id, one.pk))
    kept, others = links[0], links[1:]
    for other in others:
        join(kept, other)
    if kept.remote_id != person.id or kept.removed_at:
        kept.remote_id, kept.removed_at = person.id, None
        kept.save(update_fields=["remote_id", "removed_at"])
    return kept


def join(kept: ContactLink, other: ContactLink) -> None:
    """They merged two people. So do we: it can be undone, and nothing is deleted."""
    if kept.contact and other.contact and kept.contact_id != other.contact_id:
        by = f"merged in {kept.book.account}"
        # Merged or deleted here meanwhile: what is left is one already.
        with suppress(NotPossible):
            merging.merge(kept.contact, other.contact, by=by, is_automatic=True)
        kept.refresh_from_db()
    if kept.contact is None:
        kept.contact = other.contact
        kept.save(update_fields=["contact"])
    other.delete()


# --- somebody new ---


def meet(book: ContactBook, person: RemotePerson, group: str) -> str:
    organization = book.account.organization
    card = snapshot.of_person(person, organization.region)
    others = matching.alike(organization, card)
    same = next((one for one, judgement in others if judgement.is_same), None)
    if same is None and not book.reads:
        return "left"
    if same is None and not (card.names[0] or card.emails or card.phones):
        # Nothing to call it by.
        return "left"
    if same is None:
        contact, merged = admitted(book, card), Merged(ours=card, theirs=card)
    else:
        contact, merged = same, snapshot.introduce(snapshot.of_contact(same), card)
        put(book, contact, merged.ours)
    matching.ask_about(contact, others)
    # Of one whose making was not answered, and whose key this vendor does not tell.
    book.links.filter(contact=contact, remote_id="").delete()
    link = ContactLink(book=book, contact=contact, key=new_key(), synced_at=timezone.now())
    link.remote_id, link.group = person.id, group
    agree(link, person, merged)
    return "new"


def admitted(book: ContactBook, card: Card) -> Contact:
    """A new contact, with those of its addresses that nobody else has."""
    name, given, family = card.names
    entries = [one for one in wanted(card, []) if is_free(book, one, None)]
    shown = name or " ".join(filter(None, (given, family))) or card.company
    return contacts.create(
        book.account.organization,
        name=shown or next(iter(matching.addresses(card)), "?"),
        given_name=given,
        family_name=family,
        company=card.company,
        notes=card.notes,
        addresses=entries,
        cause=cause(book),
    )


# --- somebody known ---


def follow(link: ContactLink, person: RemotePerson) -> str:
    book, contact = link.book, link.contact
    assert contact is not None  # noqa: S101 (asked before)
    theirs = snapshot.of_person(person, book.account.organization.region)
    their_base, our_base = Card.from_json(link.theirs), Card.from_json(link.ours)
    ours = snapshot.of_contact(contact)
    if theirs == their_base and ours == our_base:
        if person.etag != link.etag:
            remember_version(link, person)
            link.save()
        return "same"
    merged = snapshot.merge(
        ours,
        theirs,
        our_base=our_base,
        their_base=their_base,
        judge=lambda name: winner(book, contact, person, name),
    )
    if book.reads:
        put(book, contact, merged.ours)
    note(link, merged.conflicts)
    agree(link, person, merged)
    return "changed" if theirs != their_base else "same"


def winner(book: ContactBook, contact: Contact, person: RemotePerson, name: str) -> str:
    if not book.reads:
        return "ours"
    if book.policy == Policy.ASK:
        return ""
    if book.policy != Policy.NEWEST:
        return str(book.policy)
    ours = last_changed(contact, name)
    return "ours" if person.updated_at and ours and ours > person.updated_at else "theirs"


def last_changed(contact: Contact, name: str) -> Any:
    columns = ("name", "given_name", "family_name") if name == NAMES else (name,)
    rows = ContactChange.objects.filter(contact=contact, field__in=columns)
    return rows.order_by("-at").values_list("at", flat=True).first()


def note(link: ContactLink, conflicts: list[Conflict]) -> None:
    """What lost stays readable: in the history, or as a question."""
    now = timezone.now()
    for one in conflicts:
        if one.winner == "ours":
            ContactChange.objects.create(
                organization_id=link.book.account.organization_id,
                contact_id=link.contact_id or 0,
                field=one.field,
                before=one.theirs,
                after=one.ours,
                source=Origin.SYNC,
                by=f"kept ours over {link.book.account}"[:200],
                at=now,
            )
        elif not one.winner:
            ContactConflict.objects.update_or_create(
                link=link,
                field=one.field,
                decision="",
                defaults={"ours": one.ours, "theirs": one.theirs, "found_at": now},
            )


def agree(link: ContactLink, person: RemotePerson, merged: Merged) -> None:
    """How both sides are from now on; what they still lack is to be written."""
    region = link.book.account.organization.region
    theirs = snapshot.of_person(person, region)
    contact = Contact.everyone.get(pk=link.contact_id or 0)
    link.ours = snapshot.of_contact(contact).as_json()
    link.theirs, link.raw = theirs.as_json(), snapshot.raw_of(person)
    link.must_write = link.book.writes and merged.theirs != theirs
    if link.must_write:
        # Until it is written, ours counts as changed against what they have.
        link.ours = backdated(Card.from_json(link.ours), theirs, merged.theirs).as_json()
    remember_version(link, person)
    link.synced_at = timezone.now()
    link.save()


def backdated(ours: Card, theirs: Card, target: Card) -> Card:
    """Our side as it would be without what they lack."""
    values: dict[str, Any] = {}
    for name in snapshot.FIELDS:
        if getattr(target, name) != getattr(theirs, name):
            values[name] = getattr(theirs, name)
    for name in snapshot.ADDRESSES:
        missing = getattr(target, name) - getattr(theirs, name)
        extra = getattr(theirs, name) - getattr(target, name)
        values[name] = (getattr(ours, name) - missing) | extra
    return Card.from_json({**ours.as_json(), **values})


def remember_version(link: ContactLink, person: RemotePerson) -> None:
    if link.etag and link.etag != person.etag:
        link.past_etags = [*link.past_etags, link.etag][-PAST:]
    link.etag = person.etag


def deleted_here(link: ContactLink, person: RemotePerson) -> str:
    """We deleted it; where we may, it is deleted there too, and it never comes back."""
    remember_version(link, person)
    link.must_write = link.book.writes
    link.save()
    return "left"


# --- ours, changed ---


def put(book: ContactBook, contact: Contact, card: Card) -> None:
    """Makes the contact so, as far as its addresses are nobody else's."""
    if snapshot.of_contact(contact) == card:
        return
    name, given, family = card.names
    entries = wanted(
        card, [Entry(a.channel, a.value, a.label, a.is_primary) for a in contact.addresses.all()]
    )
    taken = [one for one in entries if not is_free(book, one, contact)]
    facts: dict[str, Any] = {"given_name": given, "family_name": family, "company": card.company}
    facts |= {"name": name or contact.name, "notes": card.notes}
    try:
        with transaction.atomic():
            free = [one for one in entries if one not in taken]
            contacts.change(contact, addresses=free, cause=cause(book), **facts)
    except InvalidAddress:
        # Somebody else got one of them this moment: the next reading sees it.
        contacts.change(contact, cause=cause(book), **facts)
    if taken:
        others = matching.alike(book.account.organization, card)
        matching.ask_about(contact, others)


def wanted(card: Card, have: list[Entry]) -> list[Entry]:
    """What the contact has and is to keep, on whatever channel; and what is new."""
    kept = [
        one
        for one in have
        if one.value in (card.emails if one.channel == Channel.EMAIL else card.phones)
    ]
    there = {one.value for one in kept}
    new = [Entry(Channel.EMAIL, value) for value in sorted(card.emails - there)]
    new += [Entry(Channel.SMS, value) for value in sorted(card.phones - there)]
    return [*kept, *new]


def is_free(book: ContactBook, entry: Entry, contact: Contact | None) -> bool:
    owner = contacts.known(
        book.account.organization,
        channel=entry.channel,
        value=entry.value,
    )
    return owner is None or (contact is not None and owner.pk == contact.pk)


def cause(book: ContactBook) -> Cause:
    return Cause(Origin.SYNC, str(book.account))
