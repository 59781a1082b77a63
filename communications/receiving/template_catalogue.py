"""The provider's approved texts -> our templates, so that staff choose what may be sent."""

import uuid
from datetime import timedelta

import structlog
from django.db import transaction

from communications.composing.template_choice import APPROVED
from communications.models import Channel, Message, Organization, Template
from communications.providers import registry
from communications.vocabulary.events import TemplateChanged, TemplateText
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.leases import process_lease

log = structlog.get_logger(__name__)

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
        for slug in registry.route_slugs(channel):
            if not process_lease.acquire(
                freshness_lease(slug), holder, CATALOGUE_FRESHNESS.total_seconds()
            ):
                continue
            try:
                count += fetch_catalogue(channel, slug)
            except ProviderError as error:
                log.warning("catalogue_not_fetched", provider=slug, error=str(error))
                process_lease.release(freshness_lease(slug), holder)
    return count


def expire_catalogue(channel: str) -> None:
    """Has the next `sync_catalogues` fetch it again."""
    for slug in registry.route_slugs(channel):
        process_lease.revoke(freshness_lease(slug))


def freshness_lease(slug: str) -> str:
    """Returns a lease that nobody renews: as long as it runs, the provider is not asked."""
    return f"catalogue:{slug}"


def fetch_catalogue(channel: str, slug: str) -> int:
    """Fetches and stores what the provider lists; returns how many texts. Raises ProviderError."""
    texts = list(registry.provider_for(slug).fetch_templates())
    if texts:
        store_catalogue(channel, texts)
    return len(texts)


def store_catalogue(channel: str, texts: list[TemplateText]) -> None:
    """Stores the same list for every organization that writes through our account."""
    for organization in Organization.objects.all():
        if organization.sender(channel):
            continue
        with transaction.atomic():
            for text in texts:
                upsert_template(organization, channel, text)
            listed = {(text.name, text.language) for text in texts}
            for template in Template.objects.filter(organization=organization, channel=channel):
                if (template.name, template.language) not in listed:
                    Template.objects.filter(pk=template.pk).update(approval=DELETED)


def upsert_template(organization: Organization, channel: str, text: TemplateText) -> None:
    Template.objects.update_or_create(
        organization=organization,
        channel=channel,
        name=text.name,
        language=text.language,
        defaults={
            "body": text.body,
            "category": text.category,
            "approval": text.approval,
            "quality": text.quality,
            "provider_variables": [vars(variable) for variable in text.variables],
            "unsendable": text.unsendable[:200],
        },
    )


def apply_template_change(channel: str, event: TemplateChanged) -> None:
    """Stores that the provider approved, paused or rated one of its texts."""
    columns = {
        name: value for name, value in vars(event).items() if name in JUDGED_COLUMNS and value
    }
    known = Template.objects.filter(channel=channel, name=event.name, language=event.language)
    is_known = bool(columns) and known.update(**columns) > 0
    if not is_known or event.approval == APPROVED:
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


JUDGED_COLUMNS = {"approval", "quality", "category"}
