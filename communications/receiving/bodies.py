"""Texts of inbound messages that a webhook only announced."""

import structlog

from communications.models import Message
from communications.providers import registry
from communications.receiving import mail_threads
from wedsync_comms.lib.errors import ProviderError

log = structlog.get_logger(__name__)

BODIES_AT_ONCE = 200


def fetch_bodies() -> int:
    """Fetches the missing texts from their providers, and returns how many those were.

    What fails is logged and left for the next time.
    """
    fetched = 0
    incomplete = Message.objects.filter(is_complete=False).order_by("created_at")
    for message in incomplete[:BODIES_AT_ONCE]:
        try:
            whole = registry.provider_for(message.provider).fetch_received(message.provider_id)
        except ProviderError as error:
            log.warning("fetch_failed", message=str(message.pk), error=str(error))
            continue
        mail_threads.complete_mail(message, whole)
        fetched += 1
    return fetched
