"""Webhooks that were refused for their signature, counted where they come in."""

from communications.receiving import deliveries
from health.collecting import host
from wedsync_comms.lib import tally


def forged_recently(webhook: str, minutes: int = 60) -> int:
    """Returns how many were refused in the last `minutes`."""
    if not webhook:
        return 0
    return host.unless_redis_away(
        lambda: tally.count_since(deliveries.forged_counter(webhook), minutes), 0
    )


def forged_total(webhook: str) -> int:
    """Since it was first counted."""
    return host.unless_redis_away(lambda: tally.total_count(deliveries.forged_counter(webhook)), 0)
