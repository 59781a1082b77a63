"""Which providers can never send a message, whatever else they take: they are no way for it.

Twilio, for instance, knows Meta's approved texts only by content ids of its own.
"""

from django.conf import settings

from communications.models import Message
from communications.providers import registry
from wedsync_comms.lib.text import as_sentence

# On a message that no provider of its channel can send.
UNABLE_CODE = "unable"


def provider_inability(message: Message, slug: str, to: str) -> str:
    """Returns why a provider can never send a message to an address; blank if it can."""
    template = str(message.template_ref["name"]) if message.template_ref else ""
    return registry.provider_for(slug).inability(to=to, template=template)


def unable_providers(message: Message, channel: str, to: str) -> dict[str, str]:
    """Returns, by provider of a channel's route, why it can never send a message."""
    reasons = {
        slug: provider_inability(message, slug, to)
        for slug in registry.route_slugs(channel)
        # What a route names by mistake is a system check's to say.
        if slug in settings.PROVIDERS
    }
    return {slug: why for slug, why in reasons.items() if why}


def route_inability(message: Message, channel: str, to: str) -> str:
    """Returns why no provider of a channel's route can ever send a message; blank if one can."""
    unable = unable_providers(message, channel, to)
    if not unable or len(unable) < len(registry.route_slugs(channel)):
        return ""
    return " ".join(as_sentence(why) for why in unable.values())
