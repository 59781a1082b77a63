"""Who of ours a person in somebody's address book is."""

from collections.abc import Sequence

from django.utils import timezone

from calendars.contacts.snapshot import Card
from communications.book import duplicates, matching
from communications.book.matching import Judgement, Person
from communications.models import Address, Contact, Organization, Pair
from communications.vocabulary import phone_numbers


def alike(organization: Organization, card: Card) -> list[tuple[Contact, Judgement]]:
    """Contacts that have one of the card's addresses, the surest first."""
    values = {form for value in addresses(card) for form in phone_numbers.variants(value)}
    rows = Address.objects.filter(organization=organization, value__in=values)
    found = Contact.objects.filter(pk__in=rows.values("contact")).prefetch_related("addresses")
    mine = person(card)
    judged = [(one, matching.judge(mine, duplicates.person(one))) for one in found.order_by("pk")]
    return sorted(judged, key=lambda pair: not pair[1].is_same)


def person(card: Card) -> Person:
    return matching.person(0, card.names[0], addresses(card), company=card.company)


def addresses(card: Card) -> Sequence[str]:
    return sorted(card.emails | card.phones)


def ask_about(contact: Contact, others: Sequence[tuple[Contact, Judgement]]) -> None:
    """For the review queue: who has one of its addresses under another name."""
    for other, judgement in others:
        if other.pk == contact.pk:
            continue
        first, second = sorted([contact, other], key=lambda one: one.pk)
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
