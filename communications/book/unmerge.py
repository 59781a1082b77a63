"""One contact becomes two again: the merge is undone, as far as nothing was changed since."""

from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from communications.book import contacts, history, merging
from communications.book.field_merge import ADDRESSES
from communications.book.history import Cause
from communications.errors import NotPossible
from communications.models import Address, Contact, Merge, Origin, Verdict


def undo_merge(merge: Merge, *, by: str) -> Contact:
    """Takes the other contact out again, with what it brought. Raises NotPossible."""
    with transaction.atomic():
        merge = Merge.objects.select_for_update().get(pk=merge.pk)
        gone = Contact.everyone.filter(pk=merge.gone_id or 0).first()
        kept = Contact.everyone.filter(pk=merge.kept_id or 0).first()
        if merge.undone_at or gone is None:
            raise NotPossible("It was undone before, or the contact is gone for good.")
        if kept is not None and kept.merged_at:
            raise NotPossible(f"{kept} was merged into another contact since: undo that first.")
        cause = Cause(Origin.MERGE, by)
        if kept is not None:
            before = history.snapshot_contact(kept)
            give_back_rows(merge, kept, gone)
            contacts.save_with_history(kept, before, cause)
        revive_contact(merge, gone, cause)
        keep_apart(merge, by)
        Merge.objects.filter(pk=merge.pk).update(undone_at=timezone.now(), undone_by=by)
        return gone


def give_back_rows(merge: Merge, kept: Contact, gone: Contact) -> None:
    for label, ids in merge.moved.items():
        model_label, _, field = label.rpartition(".")
        model = apps.get_model(model_label)
        rows = model._base_manager.filter(pk__in=ids, **{field: kept})  # noqa: SLF001 (documented)
        merging.hand_over_rows(
            model, field, [str(pk) for pk in rows.values_list("pk", flat=True)], gone
        )
    give_back_primaries(kept, merge.before.get(ADDRESSES, []))
    for name, value in merge.after.items():
        # What was changed since is not touched.
        if getattr(kept, name) == value:
            setattr(kept, name, merge.before[name])


def give_back_primaries(kept: Contact, addresses: list[dict[str, Any]]) -> None:
    """Makes its own addresses primary again in the channels that have none without the other's."""
    for address in addresses:
        rows = kept.addresses.filter(channel=address["channel"])
        if address["is_primary"] and not rows.filter(is_primary=True).exists():
            rows.filter(value=address["value"]).update(is_primary=True)


def revive_contact(merge: Merge, gone: Contact, cause: Cause) -> None:
    gone.merged_at = gone.merged_into = None
    for address in merge.addresses:
        row = gone.addresses.filter(channel=address["channel"], value=address["value"])
        if not row.update(is_primary=address["is_primary"]) and merge.kept_id is None:
            restore_address(gone, address)
    contacts.set_search_keys(gone, gone.addresses.all())
    gone.save()
    merging.remember_merge(gone, None, cause)


def restore_address(gone: Contact, address: dict[str, Any]) -> None:
    """Restores an address that was deleted with its contact, unless somebody has it by now."""
    if (
        contacts.contact_by_address(
            gone.organization, channel=address["channel"], value=address["value"]
        )
        is None
    ):
        row = contacts.insert_address(
            gone, contacts.AddressEntry(address["channel"], address["value"])
        )
        Address.objects.filter(pk=row.pk).update(
            is_primary=address["is_primary"], label=address["label"]
        )


def keep_apart(merge: Merge, by: str) -> None:
    if merge.kept is not None and merge.gone_id is not None:
        merging.record_verdict(
            merge.kept, Contact.everyone.get(pk=merge.gone_id), Verdict.APART, by
        )
