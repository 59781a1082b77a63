"""Requests per second and account."""

import math
import time

WINDOW = 1.0


class Pace:
    """A window of one second opens with the first request; None means no limit at all."""

    def __init__(self, per_second: int | None) -> None:
        self.per_second = per_second
        self._opened = 0.0
        self._used = 0

    def take(self) -> bool:
        """Counts a request. Returns False if it is one too many."""
        now = time.monotonic()
        if now - self._opened >= WINDOW:
            self._opened, self._used = now, 0
        self._used += 1
        return self.per_second is None or self._used <= self.per_second

    def left(self) -> int:
        return max(0, (self.per_second or 0) - self._used)

    def retry_after(self) -> int:
        return max(1, math.ceil(self._opened + WINDOW - time.monotonic()))
