"""Which of our contacts a person in an address book is."""

from collections.abc import Sequence

from django.utils import timezone

from calendars.contacts.snapshot import ContactSnapshot
from communications.book import duplicates, matching
from communications.book.matching import ComparedPerson, Judgement
from communications.models import Address, Contact, Organization, Pair
from communications.vocabulary import phone_numbers


def matching_contacts(
    organization: Organization, theirs: ContactSnapshot
) -> list[tuple[Contact, Judgement]]:
    """Returns the contacts that share an address with the snapshot, the surest first."""
    values = {
        form for value in all_addresses(theirs) for form in phone_numbers.number_variants(value)
    }
    rows = Address.objects.filter(organization=organization, value__in=values)
    found = Contact.objects.filter(pk__in=rows.values("contact")).prefetch_related("addresses")
    person = person_of_snapshot(theirs)
    judged = [
        (contact, matching.judge_pair(person, duplicates.person_of_contact(contact)))
        for contact in found.order_by("pk")
    ]
    return sorted(judged, key=lambda candidate: not candidate[1].is_same)


def person_of_snapshot(theirs: ContactSnapshot) -> ComparedPerson:
    return matching.compared_person(
        0, theirs.names[0], all_addresses(theirs), company=theirs.company
    )


def all_addresses(theirs: ContactSnapshot) -> Sequence[str]:
    return sorted(theirs.emails | theirs.phones)


def queue_for_review(contact: Contact, candidates: Sequence[tuple[Contact, Judgement]]) -> None:
    """Queues the other contacts that share an address with this one as possible duplicates."""
    for other, judgement in candidates:
        if other.pk == contact.pk:
            continue
        first, second = sorted([contact, other], key=lambda row: row.pk)
        Pair.objects.get_or_create(
            one=first,
            other=second,
            defaults={
                "organization_id": contact.organization_id,
                "score": max(judgement.score, 1),
                "reasons": list(judgement.reasons),
                "found_at": timezone.now(),
            },
        )
