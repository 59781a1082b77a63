"""The provider's approved texts -> our templates, so that staff choose what may be sent."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from communications.composing.template_choice import APPROVED
from communications.models import Channel, Message, Organization, Template
from communications.providers import registry
from communications.vocabulary.events import TemplateChanged, TemplateText
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.leases import process_lease
from wedsync_comms.lib.text import sanitise

log = structlog.get_logger(__name__)

# What tells two texts apart, and what a provider makes of one.
NAMING_COLUMNS = ("name", "language")
JUDGED_COLUMNS = {"approval", "quality", "category"}
# Ours, for one that the provider does not list any more.
DELETED = "DELETED"
# What happens in between is told by a webhook.
CATALOGUE_FRESHNESS = timedelta(minutes=15)


def sync_catalogues() -> int:
    """Fetches the catalogues that are not fresh, and returns how many texts there are.

    One that could not be had is not fresh either, so that a provider which was away a minute ago
    is asked again now.
    """
    holder, count = str(uuid.uuid4()), 0
    for channel in registry.routed_channels():
        lease = freshness_lease(channel)
        if not process_lease.acquire(lease, holder, CATALOGUE_FRESHNESS.total_seconds()):
            continue
        catalogue = fetch_catalogue(channel)
        if not catalogue.is_whole:
            process_lease.release(lease, holder)
        if catalogue.texts:
            store_catalogue(catalogue)
        count += len(catalogue.texts)
    return count


def expire_catalogue(channel: str) -> None:
    """Has the next `sync_catalogues` fetch it again, and compare it with what is stored."""
    forget_fingerprint(channel)
    process_lease.revoke(freshness_lease(channel))


def freshness_lease(channel: str) -> str:
    """Returns a lease that nobody renews: as long as it runs, the providers are not asked."""
    return f"catalogue:{channel}"


@dataclass(frozen=True)
class Catalogue:
    """The texts that the accounts of a channel list now; of a text that two list, the first's.

    `is_whole` tells that all accounts answered: what is not in it is gone.
    """

    channel: str
    texts: Sequence[TemplateText]
    is_whole: bool = True


def fetch_catalogue(channel: str) -> Catalogue:
    """Asks each of the channel's accounts once for what it lists."""
    found: dict[tuple[str, str], TemplateText] = {}
    is_whole = True
    for slug in registry.route_slugs(channel):
        try:
            texts = [text for text in registry.provider_for(slug).fetch_templates() if fits(text)]
        except ProviderError as error:
            log.warning("catalogue_not_fetched", provider=slug, error=str(error))
            is_whole = False
        else:
            found = {(text.name, text.language): text for text in texts} | found
    return Catalogue(channel, list(found.values()), is_whole)


def fits(text: TemplateText) -> bool:
    """Whether it has a name that can be stored: one that has not keeps none of the others out."""
    values = {name: getattr(text, name) for name in NAMING_COLUMNS}
    if all(storable_value(name, value) == value for name, value in values.items()):
        return True
    log.warning("catalogue_text_left_out", text=storable_value("name", text.name))
    return False


def store_catalogue(catalogue: Catalogue) -> None:
    """Stores the same list for every organization that writes through our accounts.

    Whether there is anything to store is told by two queries, and what changed is written by
    statement, not by row: most of the time nothing has changed, for however many organizations.
    """
    sharing = sharing_ids(catalogue.channel)
    before = read_state(catalogue.channel)
    if before.get("fingerprint") == fingerprint_of(catalogue, sharing):
        return
    copies = shared_templates(catalogue.channel)
    for text in catalogue.texts:
        columns = stored_columns(text)
        listed = copies.filter(name=text.name, language=text.language)
        listed.exclude(**columns).update(**columns, updated_at=timezone.now())
    add_missing(catalogue)
    if catalogue.is_whole:
        mark_deleted(catalogue)
    # What was stored is part of it; who came meanwhile is not.
    note_fingerprint(catalogue.channel, fingerprint_of(catalogue, sharing), before)


def sharing_organizations(channel: str) -> QuerySet[Organization]:
    """Returns the organizations that write through our accounts. Who has a number of their own has
    a catalogue of their own."""
    return Organization.objects.filter(**{f"{channel}_from": ""}).order_by("pk")


def sharing_ids(channel: str) -> list[int]:
    return list(sharing_organizations(channel).values_list("pk", flat=True))


def shared_templates(channel: str) -> QuerySet[Template]:
    sharing = sharing_organizations(channel).values("pk")
    return Template.objects.filter(channel=channel, organization__in=sharing)


def stored_columns(text: TemplateText) -> dict[str, Any]:
    return {
        "body": sanitise(text.body),
        "category": storable_value("category", text.category),
        "approval": storable_value("approval", text.approval),
        "quality": storable_value("quality", text.quality),
        "provider_variables": [vars(variable) for variable in text.variables],
        "unsendable": storable_value("unsendable", text.unsendable),
    }


def storable_value(column: str, word: str) -> str:
    """Returns a provider's word as far as there is room for it."""
    field = Template._meta.get_field(column)  # noqa: SLF001 (documented)
    return sanitise(word)[: getattr(field, "max_length", None)]


def add_missing(catalogue: Catalogue) -> None:
    """Gives each organization the texts that it does not have: new ones, or all where it is new."""
    everybody = set(sharing_ids(catalogue.channel))
    for text in catalogue.texts:
        copies = shared_templates(catalogue.channel).filter(name=text.name, language=text.language)
        if copies.count() == len(everybody):
            continue
        missing = everybody.difference(copies.values_list("organization", flat=True))
        made = [
            Template(
                organization_id=organization,
                channel=catalogue.channel,
                name=text.name,
                language=text.language,
                **stored_columns(text),
            )
            for organization in sorted(missing)
        ]
        Template.objects.bulk_create(made, ignore_conflicts=True, batch_size=500)


def mark_deleted(catalogue: Catalogue) -> None:
    """Notes which texts are not listed any more."""
    listed = {(text.name, text.language) for text in catalogue.texts}
    there = shared_templates(catalogue.channel).exclude(approval=DELETED)
    for name, language in set(there.values_list("name", "language").distinct()) - listed:
        gone = there.filter(name=name, language=language)
        gone.update(approval=DELETED, updated_at=timezone.now())


# --- what was stored last ------------------------------------------------------------------------


def fingerprint_of(catalogue: Catalogue, sharing: Sequence[int]) -> str:
    """Returns what a catalogue says and which organizations have it, in a few bytes.

    It is another one where a provider says something else, where an organization comes or goes, and
    where somebody has removed a text.
    """
    texts = sorted(json.dumps(asdict(text), sort_keys=True) for text in catalogue.texts)
    count = Template.objects.filter(channel=catalogue.channel).count()
    return hashlib.sha256(
        json.dumps([texts, catalogue.is_whole, [*sharing], count]).encode()
    ).hexdigest()


def fingerprint_key(channel: str) -> str:
    return f"catalogue-stored:{channel}"


def read_state(channel: str) -> shared_state.State:
    """Returns the fingerprint of what was stored last, and a number that is another one after each
    change that was made here."""
    return shared_state.read_row(fingerprint_key(channel)) or {}


def note_fingerprint(channel: str, fingerprint: str, before: shared_state.State) -> None:
    """Notes what is stored, unless something was changed here since `before` was read."""

    def note(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
        now = state or {}
        if now.get("changes") != before.get("changes"):
            return now, None
        return {**now, "fingerprint": fingerprint}, None

    shared_state.update_row(fingerprint_key(channel), note)


def forget_fingerprint(channel: str) -> None:
    """Has what is stored compared with the next list, also if that is the same: it was changed
    here."""

    def forget(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
        return {"changes": (state or {}).get("changes", 0) + 1}, None

    shared_state.update_row(fingerprint_key(channel), forget)


# --- what is known in between --------------------------------------------------------------------


def apply_template_change(channel: str, event: TemplateChanged) -> None:
    """Stores that the provider approved, paused or rated one of its texts."""
    columns = {
        name: storable_value(name, value)
        for name, value in vars(event).items()
        if name in JUDGED_COLUMNS and value
    }
    known = Template.objects.filter(channel=channel, name=event.name, language=event.language)
    is_known = bool(columns) and known.update(**columns) > 0
    if is_known and event.approval != APPROVED:
        forget_fingerprint(channel)
    else:
        # A new one, or one that was edited: its parts only the catalogue tells.
        expire_catalogue(channel)


# Ours, for one that was refused when it was sent. Whether it is paused or disabled for good, the
# list and Meta's own news tell.
REFUSED_APPROVAL = "PAUSED"


def pause_refused(message: Message) -> None:
    """Stores that the provider refused the approved text of a message, for its organization."""
    ref = message.template_ref
    if not ref:
        return
    Template.objects.filter(
        organization=message.organization_id,
        channel=Channel.WHATSAPP,
        name=ref["name"],
        language=ref["language"],
        approval=APPROVED,
    ).update(approval=REFUSED_APPROVAL)
    expire_catalogue(Channel.WHATSAPP)
