"""Is our webhook address there, and ours? Asked from outside, as a provider would."""

from http import HTTPStatus

from django.conf import settings
from django.urls import reverse

from communications.providers import registry
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.http import Client

SHOWN_BYTES = 500


class NotProcessed(Exception):
    """Says what stood in the way."""


def webhook_address(slug: str) -> str:
    return settings.PUBLIC_URL + reverse(f"webhook-{registry.provider_for(slug).webhook}")


def post_sample(slug: str, event: str) -> None:
    """Posts a signed sample, which changes nothing, to our public address.

    Raises NotProcessed, and LookupError for an event the provider does not know.
    """
    sample, url = registry.provider_for(slug).sample(event), webhook_address(slug)
    try:
        answer = Client().request("post", url, headers=sample.headers, data=sample.body)
    except ProviderError as error:
        raise NotProcessed(f"{url} does not answer: {error}") from error
    if answer.status != HTTPStatus.OK:
        said = answer.content[:SHOWN_BYTES].decode(errors="replace")
        raise NotProcessed(f"{url} answered {answer.status}: {said}")
