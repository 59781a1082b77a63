"""A remote person -> our contact, and what push.py is to write back.

Every person is applied alone and by its present state, so applying it twice changes nothing.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from calendars.contacts import matching
from calendars.contacts.snapshot import (
    ADDRESS_FIELDS,
    MERGED_FIELDS,
    NAME_COLUMNS,
    NAME_PARTS,
    ContactSnapshot,
    FieldConflict,
    MergedContact,
    complete_snapshots,
    entries_of_person,
    is_shared,
    merge_snapshots,
    raw_addresses,
    snapshot_of_contact,
    snapshot_of_person,
)
from calendars.models import ContactBook, ContactConflict, ContactLink
from calendars.models.accounts import Policy
from calendars.models.people import new_key
from calendars.vocabulary.events import RemotePerson
from communications.book import contacts, merging, reach
from communications.book.contacts import AddressEntry
from communications.book.history import Cause
from communications.errors import InvalidAddress, NotPossible
from communications.models import Channel, Contact, ContactChange, Origin

# Vendors show what was written only minutes later.
VISIBILITY_DELAY = timedelta(minutes=15)
MAX_PAST_ETAGS = 10


def apply_person(book: ContactBook, person: RemotePerson, group: str = "") -> str:
    """Applies what the vendor tells of a person, and follows its merges and new ids.

    Returns how it was counted: new, changed, same, stale (an older version), left (not taken).
    """
    with transaction.atomic():
        link = find_link(book, person)
        if link is None:
            return match_or_create(book, person, group)
        if person.etag and person.etag in link.past_etags:
            return "stale"
        if link.contact is None:
            return skip_locally_deleted(link, person)
        return update_linked(link, person)


def find_link(book: ContactBook, person: RemotePerson) -> ContactLink | None:
    """Finds and locks the link by the person's id, an earlier id or our key.

    Several links mean that the vendor merged these people: they become one link.
    """
    ids = [person.id, *person.previous_ids]
    links = list(book.links.select_for_update().filter(remote_id__in=ids))
    if person.key:
        links += book.links.select_for_update().filter(key=person.key, remote_id="")
    if not links:
        return None
    links.sort(key=lambda link: (link.remote_id != person.id, link.pk))
    kept, others = links[0], links[1:]
    for other in others:
        merge_links(kept, other)
    if kept.remote_id != person.id or kept.removed_at:
        kept.remote_id, kept.removed_at = person.id, None
        kept.save(update_fields=["remote_id", "removed_at"])
    return kept


def merge_links(kept: ContactLink, other: ContactLink) -> None:
    """Merges our two contacts as the vendor merged its people; staff can undo it."""
    if kept.contact and other.contact and kept.contact_id != other.contact_id:
        by = f"merged in {kept.book.account}"
        # Merged or deleted here in the meantime: only one is left.
        with suppress(NotPossible):
            merging.merge_contacts(kept.contact, other.contact, by=by, is_automatic=True)
        kept.refresh_from_db()
    if kept.contact is None:
        kept.contact = other.contact
        kept.save(update_fields=["contact"])
    other.delete()


# --- a person without a link ---


def match_or_create(book: ContactBook, person: RemotePerson, group: str) -> str:
    """Links the person to the contact it surely is, or else to a new one.

    Returns "left" for a person that cannot be named, or that a write-only book does not take.
    """
    organization = book.account.organization
    theirs = snapshot_of_person(person, organization.region)
    candidates = matching.matching_contacts(organization, theirs)
    same = next((contact for contact, judgement in candidates if judgement.is_same), None)
    has_name = theirs.names[0] or theirs.emails or theirs.phones
    if same is None and not (book.reads and has_name):
        return "left"
    if same is None:
        contact, merged = (
            create_from_remote(book, person, theirs),
            MergedContact(ours=theirs, theirs=theirs),
        )
    else:
        contact, merged = same, complete_snapshots(snapshot_of_contact(same), theirs)
        write_local(book, contact, merged.ours, person)
    matching.queue_for_review(contact, candidates)
    # Left by a creation whose answer was lost, at a vendor that does not return our key.
    book.links.filter(contact=contact, remote_id="").delete()
    link = ContactLink(book=book, contact=contact, key=new_key(), synced_at=timezone.now())
    link.remote_id, link.group = person.id, group
    advance_base(link, person, merged)
    return "new"


def create_from_remote(book: ContactBook, person: RemotePerson, theirs: ContactSnapshot) -> Contact:
    """Creates a contact with those of its addresses that no other contact has."""
    name, given, family = theirs.names
    found = entries_of_person(person, book.account.organization.region)
    entries = entries_of_snapshot(theirs, [], found)
    shown = name or " ".join(filter(None, (given, family))) or theirs.company
    return contacts.create_contact(
        book.account.organization,
        name=shown or next(iter(matching.all_addresses(theirs)), "?"),
        given_name=given,
        family_name=family,
        company=theirs.company,
        notes=theirs.notes,
        addresses=with_room([entry for entry in entries if is_address_free(book, entry, None)]),
        cause=sync_cause(book),
    )


# --- a person with a link ---


def update_linked(link: ContactLink, person: RemotePerson) -> str:
    """Merges both sides' changes since the base, writes ours, and advances the base.

    Returns "changed" if the vendor's side changed, else "same".
    """
    book, contact = link.book, link.contact
    assert contact is not None  # noqa: S101 (asked before)
    theirs = snapshot_of_person(person, book.account.organization.region)
    our_base = ContactSnapshot.from_json(link.ours)
    their_base = ContactSnapshot.from_json(link.theirs)
    ours = snapshot_of_contact(contact)
    if theirs == their_base and ours == our_base:
        if person.etag != link.etag:
            remember_version(link, person)
            link.save()
        return "same"
    merged = merge_snapshots(
        ours,
        theirs,
        our_base=our_base,
        their_base=their_base,
        winner_of=lambda name: winner_by_policy(book, contact, person, name),
    )
    if book.reads:
        write_local(book, contact, merged.ours, person)
    record_conflicts(link, merged.conflicts)
    advance_base(link, person, merged)
    return "changed" if theirs != their_base else "same"


def winner_by_policy(book: ContactBook, contact: Contact, person: RemotePerson, name: str) -> str:
    """Returns "ours" or "theirs" for a field both sides changed; blank: staff is asked."""
    if not book.reads:
        return "ours"
    if book.policy == Policy.ASK:
        return ""
    if book.policy != Policy.NEWEST:
        return str(book.policy)
    ours = field_changed_at(contact, name)
    return "ours" if person.updated_at and ours and ours > person.updated_at else "theirs"


def field_changed_at(contact: Contact, name: str) -> datetime | None:
    columns = NAME_COLUMNS if name == NAME_PARTS else (name,)
    rows = ContactChange.objects.filter(contact=contact, field__in=columns)
    return rows.order_by("-at").values_list("at", flat=True).first()


def record_conflicts(link: ContactLink, conflicts: list[FieldConflict]) -> None:
    """Keeps the value that lost in the history, or asks staff where no side has won."""
    now = timezone.now()
    for conflict in conflicts:
        if conflict.winner == "ours":
            ContactChange.objects.create(
                organization_id=link.book.account.organization_id,
                contact_id=link.contact_id or 0,
                field=conflict.field,
                before=conflict.theirs,
                after=conflict.ours,
                source=Origin.SYNC,
                by=f"kept ours over {link.book.account}"[:200],
                at=now,
            )
        elif not conflict.winner:
            ContactConflict.objects.update_or_create(
                link=link,
                field=conflict.field,
                decision="",
                defaults={"ours": conflict.ours, "theirs": conflict.theirs, "found_at": now},
            )


def advance_base(link: ContactLink, person: RemotePerson, merged: MergedContact) -> None:
    """Stores what both sides are now as the base of the next merge, and the person's version.

    Marks the link to be written where the vendor lacks something of `merged`. Until that is
    written, our base stays what it would be without it, so that it counts as our change even if
    the write is lost.
    """
    region = link.book.account.organization.region
    theirs = snapshot_of_person(person, region)
    ours = snapshot_of_contact(Contact.everyone.get(pk=link.contact_id or 0))
    link.must_write = link.book.writes and merged.theirs != theirs
    if link.must_write:
        ours = base_without_pending(ours, theirs, merged.theirs)
    link.ours, link.theirs = ours.as_json(), theirs.as_json()
    link.raw = raw_addresses(person)
    remember_version(link, person)
    link.synced_at = timezone.now()
    link.save()


def base_without_pending(
    ours: ContactSnapshot, theirs: ContactSnapshot, target: ContactSnapshot
) -> ContactSnapshot:
    """Returns our side as it would be without what theirs lacks of the target."""
    values: dict[str, Any] = {}
    for name in MERGED_FIELDS:
        if getattr(target, name) != getattr(theirs, name):
            values[name] = getattr(theirs, name)
    for name in ADDRESS_FIELDS:
        missing = getattr(target, name) - getattr(theirs, name)
        extra = getattr(theirs, name) - getattr(target, name)
        values[name] = (getattr(ours, name) - missing) | extra
    return ContactSnapshot.from_json({**ours.as_json(), **values})


def remember_version(link: ContactLink, person: RemotePerson) -> None:
    if link.etag and link.etag != person.etag:
        link.past_etags = [*link.past_etags, link.etag][-MAX_PAST_ETAGS:]
    link.etag = person.etag


def skip_locally_deleted(link: ContactLink, person: RemotePerson) -> str:
    """Marks a contact deleted here to be deleted there too, where we may; it never comes back."""
    remember_version(link, person)
    link.must_write = link.book.writes
    link.save()
    return "left"


# --- writing our side ---


def write_local(
    book: ContactBook, contact: Contact, target: ContactSnapshot, person: RemotePerson
) -> None:
    """Changes the contact to the target, but for addresses that another contact has."""
    if snapshot_of_contact(contact) == target:
        return
    name, given, family = target.names
    entries = entries_of_snapshot(
        target,
        [
            AddressEntry(row.channel, row.value, row.label, row.is_primary)
            for row in contact.addresses.all()
        ],
        entries_of_person(person, book.account.organization.region),
    )
    free = [entry for entry in entries if is_address_free(book, entry, contact)]
    facts: dict[str, Any] = {"given_name": given, "family_name": family, "company": target.company}
    facts |= {"name": name or contact.name, "notes": target.notes}
    try:
        with transaction.atomic():
            contacts.change_contact(
                contact, addresses=with_room(free), cause=sync_cause(book), **facts
            )
    except InvalidAddress:
        # Another contact got one of them this moment: the next reading sees it.
        contacts.change_contact(contact, cause=sync_cause(book), **facts)
    if len(free) < len(entries):
        candidates = matching.matching_contacts(book.account.organization, target)
        matching.queue_for_review(contact, candidates)


def entries_of_snapshot(
    target: ContactSnapshot, present: list[AddressEntry], found: list[AddressEntry]
) -> list[AddressEntry]:
    """Returns the present entries that the target keeps, on whatever channel, and its new ones.

    These come in the vendor's order, and as it labels them (`found`).
    """
    kept = [
        entry
        for entry in present
        if entry.value in (target.emails if entry.channel == Channel.EMAIL else target.phones)
        or not is_shared(entry.channel, entry.value)
    ]
    known = {entry.value for entry in kept}
    listed = {entry.value: entry for entry in reversed(found)}
    new = [listed[value] for value in reversed(listed) if value in target.emails | target.phones]
    new += [
        AddressEntry(channel, value)
        for channel, values in ((Channel.EMAIL, target.emails), (Channel.SMS, target.phones))
        for value in sorted(values - listed.keys())
    ]
    return reach.joined_entries(kept, [entry for entry in new if entry.value not in known])


def with_room(entries: list[AddressEntry]) -> list[AddressEntry]:
    """Returns as many as a contact has room for; the others stay with the vendor."""
    return entries[: contacts.MAX_ADDRESSES]


def is_address_free(book: ContactBook, entry: AddressEntry, contact: Contact | None) -> bool:
    owner = contacts.contact_by_address(
        book.account.organization,
        channel=entry.channel,
        value=entry.value,
    )
    return owner is None or (contact is not None and owner.pk == contact.pk)


def sync_cause(book: ContactBook) -> Cause:
    return Cause(Origin.SYNC, str(book.account))
