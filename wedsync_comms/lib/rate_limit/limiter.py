"""Rate limits that all processes share, per provider and per recipient."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.rate_limit import algorithm
from wedsync_comms.lib.rate_limit.algorithm import BucketState, Rate
from wedsync_comms.lib.shared_state import State


@dataclass(frozen=True)
class Snapshot:
    """For display: the rate as it is now, how much of it is used lately, `held_for` in seconds.

    `learned` says that the provider told its rate, `found` that less is permitted than is said, as
    its refusals have shown; `said` is the rate without that.
    """

    per_second: float
    used: float
    learned: bool
    held_for: float
    said: float = 0.0
    found: bool = False


class TokenBucket:
    """A rate limit. All its methods raise `shared_state.Unavailable` where Redis is away."""

    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._key = f"limit:{name}"

    def acquire(self) -> float:
        """Takes a slot and returns 0.0; or takes none and returns in how many seconds to retry."""
        return self._update(lambda state, now: algorithm.acquire_now(state, self.rate, now))

    def time_to_next_slot(self) -> float:
        """Returns in how many seconds there is a slot for whoever asks now. Takes none."""
        return self._update(lambda state, now: algorithm.time_to_next_slot(state, self.rate, now))

    def reserve(self, count: int) -> Sequence[float]:
        """Takes the next slots, however far ahead.

        Returns for each from which moment of `time.monotonic` on it may be used.
        """

        def take(state: BucketState, now: float) -> tuple[BucketState, Sequence[float]]:
            here = time.monotonic()
            after, delays = algorithm.reserve_slots(state, self.rate, now, count)
            return after, [here + delay for delay in delays]

        return self._update(take)

    def wait_for_slot(self, within_s: float = algorithm.RESERVATION_HORIZON_S) -> bool:
        """Takes a slot and sleeps until it may be used. Returns False if none is near enough."""
        if self.time_to_next_slot() > within_s:
            return False
        [slot] = self.reserve(1)
        time.sleep(max(0.0, slot - time.monotonic()))
        return True

    def hold(self, seconds: float) -> None:
        """The provider said stop: nobody gets a slot before then. Shortens no earlier hold.

        Raises ValueError for what is no time.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"{self.name}: cannot be held for {seconds} seconds")
        self._update(
            lambda state, now: (algorithm.hold_until(state, self.rate, now, now + seconds), None)
        )

    def learn(self, per_second: float) -> None:
        """The provider told its true rate. Cheap when it is the one known already.

        Raises ValueError for what is no rate.
        """
        if not algorithm.is_positive(per_second):
            raise ValueError(f"{self.name}: a rate must be a positive number, not {per_second}")
        if (shared_state.read_state(self._key) or {}).get("learned") != per_second:
            self._update(lambda state, _now: (replace(state, learned=float(per_second)), None))

    def lower(self) -> None:
        """The provider refused a request as too many: less is used than until now."""
        self._update(lambda state, now: (algorithm.lower(state, self.rate, now), None))

    def rise(self) -> None:
        """The provider took a request: what refusals have taken comes back, slowly.

        Cheap where none has taken any.
        """
        if (shared_state.read_state(self._key) or {}).get("found"):
            self._update(lambda state, now: (algorithm.rise(state, self.rate, now), None))

    def is_known(self) -> bool:
        """Returns whether anything was stored about it."""
        return shared_state.read_state(self._key) is not None

    def snapshot(self) -> Snapshot:
        raw, now = shared_state.peek(self._key)
        state = algorithm.at_time(_loaded(raw), now)
        return Snapshot(
            per_second=algorithm.permitted_rate(state, self.rate),
            used=state.used,
            learned=bool(state.learned),
            held_for=max(0.0, state.held_until - now),
            said=algorithm.said_rate(state, self.rate),
            found=bool(state.found),
        )

    def _update(
        self, change: Callable[[BucketState, float], tuple[BucketState, shared_state.T]]
    ) -> shared_state.T:
        def apply(state: State | None, now: float) -> tuple[State, shared_state.T]:
            after, answer = change(_loaded(state), now)
            return asdict(after), answer

        return shared_state.update_state(self._key, apply)


def _loaded(state: State | None) -> BucketState:
    known = {field.name for field in fields(BucketState)}
    return BucketState(**{name: value for name, value in (state or {}).items() if name in known})
