"""Contacts that changed -> compared with those like them -> merged where that is safe, else queued
for a person to decide.

What was compared is marked, so a second run finds nothing to do and writes nothing.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from communications.book import matching, merging
from communications.book.field_merge import NOBODY, Chosen
from communications.book.matching import ComparedPerson, Judgement
from communications.errors import NotPossible
from communications.models import Contact, Message, Organization, Pair, Verdict
from communications.vocabulary import phone_numbers

BATCH = 500
# More contacts with such a name than this, and the name says nothing by itself.
RARE = 4
# A name or mailbox that hundreds share is not worth comparing.
MANY = 60


@dataclass
class ComparisonOutcome:
    compared: int = 0
    merged: int = 0
    queued: int = 0


def compare_everybody(*, batches: int = 20) -> ComparisonOutcome:
    """Compares, in all organizations, what changed since it was compared last."""
    outcome = ComparisonOutcome()
    for organization in Organization.objects.all():
        compare_pending(organization, outcome, batches=batches)
    return outcome


def compare_pending(
    organization: Organization, outcome: ComparisonOutcome | None = None, *, batches: int = 0
) -> ComparisonOutcome:
    """Compares what changed, in at most so many batches; 0: in as many as there are."""
    outcome = outcome or ComparisonOutcome()
    done = 0
    while not batches or done < batches:
        fresh = list(uncompared_contacts(organization)[:BATCH])
        if not fresh:
            break
        compare_batch(organization, fresh, outcome)
        done += 1
    return outcome


def uncompared_contacts(organization: Organization) -> QuerySet[Contact]:
    return Contact.objects.filter(organization=organization, compared_at=None).order_by("pk")


def compare_batch(
    organization: Organization, fresh: list[Contact], outcome: ComparisonOutcome
) -> None:
    # Before it is read: what changes meanwhile is compared again.
    Contact.objects.filter(pk__in=[contact.pk for contact in fresh]).update(
        compared_at=timezone.now()
    )
    people = load_people(organization, fresh)
    subjects = {contact.pk for contact in fresh}
    queue: dict[tuple[int, int], Judgement] = {}
    known = judged_pairs(subjects)
    for pair in sorted(candidate_pairs(people, subjects)):
        if pair in known:
            continue
        first, other = (people[key] for key in pair)
        judgement = matching.judge_pair(first, other, is_rare=is_rare(people, first, other))
        if judgement.is_same:
            outcome.merged += merge_pair(pair, judgement, people)
        elif judgement.score:
            queue[pair] = judgement
    outcome.compared += len(fresh)
    outcome.queued += put_in_queue(organization, queue)


# --- who is compared with whom ---


def load_people(organization: Organization, fresh: list[Contact]) -> dict[int, ComparedPerson]:
    """Returns the contacts and everybody who has something in common with one of them."""
    own = Contact.objects.filter(pk__in=[contact.pk for contact in fresh])
    values = set(own.values_list("addresses__value", flat=True)) - {None}
    hints = set(own.values_list("addresses__hint", flat=True)) - {None, ""}
    forms = {form for value in values for form in phone_numbers.number_variants(value)}
    alike = Contact.objects.filter(organization=organization).filter(
        Q(pk__in=own)
        | Q(sounds__in={contact.sounds for contact in fresh} - {""})
        | Q(
            pk__in=Contact.objects.filter(
                Q(addresses__value__in=forms) | Q(addresses__hint__in=hints),
                organization=organization,
            ).values("pk"),
        ),
    )
    rows = alike.only("name", "company", "weddings").prefetch_related("addresses")
    return {row.pk: person_of_contact(row) for row in rows}


def person_of_contact(contact: Contact) -> ComparedPerson:
    """Returns of a contact what is compared."""
    return matching.compared_person(
        contact.pk,
        contact.name,
        [address.value for address in contact.addresses.all()],
        company=contact.company,
        weddings=contact.weddings,
    )


def candidate_pairs(people: dict[int, ComparedPerson], subjects: set[int]) -> set[tuple[int, int]]:
    """Pairs, the older contact first, that are worth judging."""
    found: set[tuple[int, int]] = set()
    for block in candidate_blocks(people):
        if len(block) <= MANY:
            found |= {
                (first, other)
                for first, other in combinations(sorted(block), 2)
                if first in subjects or other in subjects
            }
    return found


def candidate_blocks(people: dict[int, ComparedPerson]) -> Iterator[set[int]]:
    grouped: dict[str, set[int]] = defaultdict(set)
    for person in people.values():
        for key in (*person.values, *person.hints, person.sounds):
            grouped[key].add(person.key)
    grouped.pop("", None)
    yield from (block for block in grouped.values() if len(block) > 1)


def is_rare(
    people: dict[int, ComparedPerson], first: ComparedPerson, second: ComparedPerson
) -> bool:
    """Returns whether few people have names that sound like these two."""
    sounds = {first.sounds, second.sounds}
    return sum(1 for each in people.values() if each.sounds in sounds) <= RARE


def judged_pairs(subjects: set[int]) -> set[tuple[int, int]]:
    """Returns what is in the queue, or was decided."""
    rows = Pair.objects.filter(Q(one__in=subjects) | Q(other__in=subjects))
    return set(rows.values_list("one_id", "other_id"))


# --- what comes of it ---


def merge_pair(
    pair: tuple[int, int], judgement: Judgement, people: dict[int, ComparedPerson]
) -> bool:
    """Unless one of them has become somebody else meanwhile, by an earlier merge."""
    first, other = (merging.surviving_contact(Contact.everyone.get(pk=key)) for key in pair)
    if (
        first.pk == other.pk
        or not matching.judge_pair(person_of_contact(first), person_of_contact(other)).is_same
    ):
        return False
    kept, gone = older_first(first, other)
    try:
        merging.merge_contacts(kept, gone, reasons=judgement.reasons, is_automatic=True)
    except NotPossible:
        # Somebody else was quicker; what is left of it is compared again.
        return False
    people[kept.pk] = person_of_contact(kept)
    return True


def older_first(first: Contact, second: Contact) -> tuple[Contact, Contact]:
    """Returns the contact to keep, then the other.

    To keep is the one that a person looked at, that has more of a past, or that is older.
    """
    counts = dict(
        Message.objects.filter(contact__in=[first, second])
        .order_by()
        .values_list("contact")
        .annotate(count=Count("pk")),
    )
    ranked = sorted([first, second], key=lambda c: (c.to_review, -counts.get(c.pk, 0), c.pk))
    return ranked[0], ranked[1]


def put_in_queue(organization: Organization, queue: dict[tuple[int, int], Judgement]) -> int:
    gone = set(
        Contact.everyone.filter(pk__in={key for pair in queue for key in pair})
        .exclude(merged_at=None)
        .values_list("pk", flat=True),
    )
    now = timezone.now()
    rows = [
        Pair(
            organization=organization,
            one_id=first,
            other_id=other,
            score=judgement.score,
            reasons=list(judgement.reasons),
            found_at=now,
        )
        for (first, other), judgement in queue.items()
        if not {first, other} & gone
    ]
    Pair.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


# --- what a person decides ---


def decide_pair(pair: Pair, verdict: Verdict, *, by: str, chosen: Chosen = NOBODY) -> None:
    """Decides about a pair. Raises NotPossible.

    `chosen` says who of the two is right about what, where they become one.
    """
    if verdict is Verdict.MERGED:
        kept, gone = older_first(pair.one, pair.other)
        merging.merge_contacts(kept, gone, by=by, reasons=pair.reasons, chosen=chosen)
        return
    Pair.objects.filter(pk=pair.pk).update(
        verdict=verdict,
        decided_at=timezone.now(),
        decided_by=by,
    )
