"""Two contacts become one, and two again.

Nothing is deleted: the contact that goes is hidden, its rows change hands, and the merge remembers
them all. Suppressions hang on addresses, so they hold whoever has the address.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from communications.book import contacts, history
from communications.book.field_merge import ADDRESSES, NOBODY, Chosen, merged_facts
from communications.book.history import FIELDS, Cause
from communications.errors import NotPossible
from communications.models import Contact, ContactChange, Merge, Origin, Pair, Verdict

# They tell about one contact and stay with it.
STAYING = (Contact, ContactChange, Merge, Pair)
AUTOMATIC = "matched by address"


def merge_contacts(
    kept: Contact,
    gone: Contact,
    *,
    by: str = AUTOMATIC,
    reasons: Sequence[str] = (),
    is_automatic: bool = False,
    chosen: Chosen = NOBODY,
) -> Merge:
    """Merges `gone` into `kept`, which has everything from now on. Raises NotPossible."""
    with transaction.atomic():
        kept, gone = locked_contacts(kept, gone)
        before = history.snapshot_contact(kept)
        addresses = [history.address_snapshot(address) for address in gone.addresses.all()]
        for name, value in merged_facts(kept, gone, chosen).items():
            setattr(kept, name, value)
        moved = dict(move_rows(gone, kept))
        preferred = addresses if chosen.get(ADDRESSES) == gone.pk else before["addresses"]
        one_primary_each(kept, preferred)
        hide_merged(gone, kept)
        cause = Cause(Origin.MERGE, by)
        contacts.save_with_history(kept, before, cause)
        remember_merge(gone, kept, cause)
        close_pairs(kept, gone, by)
        return Merge.objects.create(
            organization_id=kept.organization_id,
            kept=kept,
            gone=gone,
            is_automatic=is_automatic,
            reasons=list(reasons),
            before={name: before[name] for name in (*FIELDS, ADDRESSES)},
            after={name: getattr(kept, name) for name in FIELDS},
            moved=moved,
            addresses=addresses,
            by=by,
            at=timezone.now(),
        )


def surviving_contact(contact: Contact) -> Contact:
    """Returns who a contact is now, after however many merges."""
    while contact.merged_into_id:
        contact = Contact.everyone.get(pk=contact.merged_into_id)
    return contact


def locked_contacts(kept: Contact, gone: Contact) -> tuple[Contact, Contact]:
    rows = Contact.everyone.select_for_update().filter(
        pk__in=[kept.pk, gone.pk],
        organization_id=kept.organization_id,
        merged_at=None,
    )
    found = {row.pk: row for row in rows.order_by("pk")}
    if len(found) != len({kept.pk, gone.pk}) or kept.pk == gone.pk:
        raise NotPossible("One of the two was merged or deleted meanwhile.")
    return found[kept.pk], found[gone.pk]


# --- rows ---


def move_rows(gone: Contact, kept: Contact) -> Iterator[tuple[str, list[Any]]]:
    """Moves whatever points to the one to the other, also in apps that we do not know."""
    for model, field in followers():
        rows = model._base_manager.filter(**{field: gone})  # noqa: SLF001 (Django documents it)
        ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
        if ids:
            label = model._meta.label  # noqa: SLF001 (the same)
            yield f"{label}.{field}", hand_over_rows(model, field, ids, kept)


def followers() -> Iterator[tuple[type[models.Model], str]]:
    """Yields the models, with their fields, whose rows follow a contact into a merge."""
    for relation in Contact._meta.get_fields(include_hidden=True):  # noqa: SLF001 (the same)
        if not (relation.one_to_many or relation.one_to_one) or not relation.auto_created:
            continue
        model = relation.related_model
        if isinstance(model, type) and model not in STAYING:
            yield model, relation.field.name  # type: ignore[union-attr]


def hand_over_rows(model: type[models.Model], field: str, ids: list[str], to: Contact) -> list[str]:
    """Moves rows to their new owner; returns the ids of those that could be moved.

    A row that its new owner has already stays where it is.
    """
    rows = model._base_manager.filter(pk__in=ids)  # noqa: SLF001 (Django documents it)
    try:
        with transaction.atomic():
            # In the order in which whoever else writes many of them takes them.
            list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
            rows.update(**{field: to})
    except IntegrityError:
        if len(ids) == 1:
            return []
        half = len(ids) // 2
        first = hand_over_rows(model, field, ids[:half], to)
        return first + hand_over_rows(model, field, ids[half:], to)
    return ids


def one_primary_each(kept: Contact, preferred: list[dict[str, Any]]) -> None:
    """Leaves one address of each channel primary: the preferred ones that are so stay so."""
    chosen = {
        address["channel"]: address["value"] for address in preferred if address["is_primary"]
    }
    for row in kept.addresses.filter(is_primary=True, channel__in=chosen):
        if row.value != chosen[row.channel]:
            row.is_primary = False
            row.save(update_fields=["is_primary"])


def hide_merged(gone: Contact, kept: Contact) -> None:
    gone.merged_at = timezone.now()
    gone.merged_into = kept
    gone.save(update_fields=["merged_at", "merged_into"])


def remember_merge(gone: Contact, kept: Contact | None, cause: Cause) -> None:
    """Writes a merge into the history of the one that went, or that came back."""
    ContactChange.objects.create(
        organization_id=gone.organization_id,
        contact=gone,
        field="merged_into",
        after=str(kept) if kept else None,
        source=cause.source,
        by=cause.by,
        at=timezone.now(),
    )


# --- the queue ---


def close_pairs(kept: Contact, gone: Contact, by: str) -> None:
    """Records the two as merged; who was known not to be the one is not the other."""
    record_verdict(kept, gone, Verdict.MERGED, by)
    for pair in Pair.objects.filter(verdict=Verdict.APART, one=gone):
        record_verdict(kept, pair.other, Verdict.APART, pair.decided_by)
    for pair in Pair.objects.filter(verdict=Verdict.APART, other=gone):
        record_verdict(kept, pair.one, Verdict.APART, pair.decided_by)


def record_verdict(first: Contact, other: Contact, verdict: Verdict, by: str) -> None:
    """Records what was decided about two contacts, in whatever order they are given."""
    if first.pk == other.pk:
        return
    first, second = sorted([first, other], key=lambda contact: contact.pk)
    now = timezone.now()
    Pair.objects.update_or_create(
        one=first,
        other=second,
        defaults={"verdict": verdict, "decided_at": now, "decided_by": by[:200]},
        create_defaults={
            "organization_id": first.organization_id,
            "verdict": verdict,
            "found_at": now,
            "decided_at": now,
            "decided_by": by[:200],
        },
    )
