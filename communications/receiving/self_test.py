"""Is our webhook address there, and ours? Asked from outside, as a provider would."""

from django.conf import settings
from django.urls import reverse

from communications.providers import registry
from wedsync_comms.lib.errors import ProviderError
from wedsync_comms.lib.http import Client

OK = 200
SAID = 500


class NotProcessed(Exception):
    """Says what stood in the way."""


def address(slug: str) -> str:
    return settings.PUBLIC_URL + reverse(f"webhook-{registry.provider(slug).webhook}")


def try_out(slug: str, event: str) -> None:
    """Posts a signed sample, which changes nothing, to our public address.

    Raises NotProcessed, and LookupError for an event the provider does not know.
    """
    sample, url = registry.provider(slug).sample(event), address(slug)
    try:
        answer = Client().request("post", url, headers=sample.headers, data=sample.body)
    except ProviderError as error:
        raise NotProcessed(f"{url} does not answer: {error}") from error
    if answer.status != OK:
        said = answer.content[:SAID].decode(errors="replace")
        raise NotProcessed(f"{url} answered {answer.status}: {said}")
