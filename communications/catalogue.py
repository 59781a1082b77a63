"""The provider's approved texts -> our templates, so that staff choose what may be sent."""

import structlog
from django.db import transaction

from communications.events import TemplateChanged, TemplateText
from communications.models import Organization, Template
from communications.providers import registry
from wedsync_comms.lib.errors import ProviderError

log = structlog.get_logger(__name__)

# Ours, for one that the provider does not list any more.
GONE = "DELETED"


def sync() -> int:
    """Fetches every provider's catalogue, and returns how many texts there are."""
    count = 0
    for channel in registry.channels():
        for slug in registry.route(channel):
            try:
                texts = list(registry.provider(slug).fetch_templates())
            except ProviderError as error:
                log.warning("catalogue_not_fetched", provider=slug, error=str(error))
                continue
            if texts:
                count += len(texts)
                store(channel, texts)
    return count


def store(channel: str, texts: list[TemplateText]) -> None:
    """Every organization that writes through the installation's account gets the same list."""
    for organization in Organization.objects.all():
        if organization.sender(channel):
            continue
        with transaction.atomic():
            for text in texts:
                upsert(organization, channel, text)
            listed = {(text.name, text.language) for text in texts}
            for template in Template.objects.filter(organization=organization, channel=channel):
                if (template.name, template.language) not in listed:
                    Template.objects.filter(pk=template.pk).update(approval=GONE)


def upsert(organization: Organization, channel: str, text: TemplateText) -> None:
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
        },
    )


def apply_change(channel: str, event: TemplateChanged) -> None:
    """The provider says that one of its texts is approved, paused, of poor quality, …"""
    columns = {name: value for name, value in vars(event).items() if name in COLUMNS and value}
    Template.objects.filter(channel=channel, name=event.name, language=event.language).update(
        **columns,
    )


COLUMNS = {"approval", "quality", "category"}
