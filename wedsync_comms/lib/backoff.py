"""How long to leave something alone that failed."""

from collections.abc import Sequence
from datetime import timedelta


def backoff_delay(failures: int, steps_s: Sequence[float]) -> timedelta:
    """Returns the wait after so many failures in a row (1: the first); the last step is for all
    later ones."""
    return timedelta(seconds=steps_s[min(max(failures, 1), len(steps_s)) - 1])
