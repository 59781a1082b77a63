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


def way_to_ourselves(address: str) -> tuple[str, dict[str, str]]:
    """Returns where to ask for a public address of ours, and with which headers.

    Behind TLS's end, which SELF_TEST_URL may be, we believe a header that it was there.
    """
    if not settings.SELF_TEST_URL:
        return address, {}
    scheme = settings.PUBLIC_URL.partition("://")[0]
    inside = settings.SELF_TEST_URL + address.removeprefix(settings.PUBLIC_URL)
    return inside, {"X-Forwarded-Proto": scheme}


def post_sample(slug: str, event: str) -> None:
    """Posts a signed sample, which changes nothing, to our public address.

    Raises NotProcessed, and LookupError for an event the provider does not know.
    """
    sample = registry.provider_for(slug).sample(event)
    url, headers = way_to_ourselves(webhook_address(slug))
    try:
        answer = Client().request(
            "post", url, headers={**sample.headers, **headers}, data=sample.body
        )
    except ProviderError as error:
        raise NotProcessed(f"{url} does not answer: {error}") from error
    if answer.status != HTTPStatus.OK:
        said = answer.content[:SHOWN_BYTES].decode(errors="replace")
        raise NotProcessed(f"{url} answered {answer.status}: {said}")
