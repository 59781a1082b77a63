"""Webhooks that were refused for their signature, counted by `communications.ingest`."""

from communications import ingest
from wedsync_comms.lib import tally


def lately(webhook: str, minutes: int = 60) -> int:
    return tally.lately(ingest.forged(webhook), minutes) if webhook else 0
