"""What a process can know of times elsewhere: the shared clock, and when a request arrived."""

import threading
import time
from collections import deque

from wedsync_comms.lib.rate_limit.algorithm import KEPT

# Of how many answers about the time the quickest counts; and from how many seconds on one is not
# late, but the other clock was set back.
ANSWERS, SET_BACK = 32, 0.5
# An answer that takes longer than this share of so many before it may tell that its request was
# held up, for so many seconds at most. The others vary as this provider's answers always do, and
# are believed as far as that costs nothing of the rate.
USUAL, KNOWN, HELD_UP = 0.97, 500, 0.3
# So many have to be known before the quickest of them tells how long the way takes at least.
FEW = 10


class Clock:
    """Tells on our own clock, `time.monotonic`, what the shared one shows.

    Whoever asks for the time learns it late, by more or less: the quickest of the last answers
    comes closest to the truth. So all processes keep to one plan, also when some are slow.
    """

    def __init__(self) -> None:
        self._differences: deque[float] = deque(maxlen=ANSWERS)
        self._lock = threading.Lock()

    def here(self, there: float) -> float:
        """The moment of `there`, which was just learned as the time."""
        with self._lock:
            difference = time.monotonic() - there
            if self._differences and difference > min(self._differences) + SET_BACK:
                self._differences.clear()
            self._differences.append(difference)
            return there + min(self._differences)


class Journeys:
    """How long a provider's answers take lately, as this process sees it."""

    def __init__(self) -> None:
        self._took: deque[float] = deque(maxlen=KNOWN)
        self._lock = threading.Lock()

    def doubt(self, took: float) -> float:
        """By how many seconds a request may have been held up whose answer took so many."""
        with self._lock:
            self._took.append(took)
            known = sorted(self._took)
        quickest = known[0] if len(known) > FEW else 0.0
        is_usual = len(known) == KNOWN and took < known[int(USUAL * KNOWN)]
        return min(took - quickest, KEPT if is_usual else HELD_UP)
