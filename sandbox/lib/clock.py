"""What a vendor takes the time to be: the machine's clock, or ahead of it after a jump."""

from datetime import datetime, timedelta

from . import times


class Clock:
    KEPT = ("_ahead",)

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return times.now() + self._ahead

    def jump(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def clear(self) -> None:
        self._ahead = timedelta()
