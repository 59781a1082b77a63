"""How many messages one person may get in a short time: a burst, then one every few seconds."""

import time


class PairLimit:
    """``burst`` null: no limit. https://developers.facebook.com/docs/whatsapp/throughput"""

    def __init__(self) -> None:
        self.burst: int | None = 45
        self.seconds = 6.0
        # phone -> (messages left, when that was so)
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, phone: str) -> bool:
        if self.burst is None:
            return True
        now = time.monotonic()
        left, at = self._left.get(phone, (float(self.burst), now))
        regained = (now - at) / self.seconds if self.seconds else float(self.burst)
        left = min(float(self.burst), left + regained)
        taken = left >= 1
        self._left[phone] = (left - 1 if taken else left, now)
        return taken

    def clear(self) -> None:
        self._left.clear()
