"""Pace: token buckets that all processes share, per provider and sender."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.rate_limit import algorithm
from wedsync_comms.lib.rate_limit.algorithm import (
    Level,
    Rate,
)
from wedsync_comms.lib.rate_limit.latency import Clock
from wedsync_comms.lib.shared_state import State


class Place(NamedTuple):
    """The right to one request, from the moment `at` of `time.monotonic` on."""

    number: int
    at: float
    # As in `rates.Wait`.
    planned: float

    def is_missed(self, moment: float) -> bool:
        """Whether what arrives at that moment comes too close to what leaves a second later."""
        return moment - self.planned > algorithm.SLACK


class Arrival(NamedTuple):
    """The latest `moment` of `time.monotonic` at which the request of a place may have arrived."""

    number: int
    moment: float


@dataclass(frozen=True)
class Snapshot:
    """For display: the rate as it is now, how much of it is used lately, `held_for` in seconds."""

    per_second: float
    used: float
    learned: bool
    held_for: float


_clock = Clock()


class TokenBucket:
    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._key = f"limit:{name}"

    def acquire(self) -> float:
        """0.0: taken, go. Otherwise nothing was taken: ask again after so many seconds."""
        return self._update(lambda level, now: algorithm.acquire(level, self.rate, now))

    def outlook(self) -> float:
        """In how many seconds there is a place for whoever asks now. Takes none."""
        return algorithm.take(self._look(), self.rate)[1].seconds

    def turn(self, count: int) -> float:
        """0.0: it is the caller's turn to take so many places, which begin soon. Otherwise in how
        many seconds to ask again. So not everybody takes those places that everybody found free.
        """
        return self._update(lambda level, now: algorithm.turn(level, self.rate, now, count))

    def reserve(self, count: int) -> Sequence[Place]:
        """Takes the next places, however far ahead."""

        def promise(level: Level, now: float) -> tuple[Level, Sequence[Place]]:
            here = _clock.here(now)
            after, waits = algorithm.reserve(level, self.rate, now, count)
            places = enumerate(waits, level.taken)
            return after, [Place(n, here + one.seconds, here + one.planned) for n, one in places]

        return self._update(promise)

    def postpone(self, late: Sequence[Arrival]) -> None:
        """What came too close to what leaves a second later makes that wait."""
        if not self.rate.permits:
            return

        def wait_for_them(level: Level, now: float) -> tuple[Level, None]:
            here = _clock.here(now)
            for one in late:
                level = algorithm.postponed(level, self.rate, one.number, now + one.moment - here)
            return level, None

        self._update(wait_for_them)

    def wait(self) -> bool:
        """Takes a place and sleeps until it may be used. False: none is near enough."""
        if self.outlook() > algorithm.AHEAD:
            return False
        [place] = self.reserve(1)
        time.sleep(max(0.0, place.at - time.monotonic()))
        return True

    def hold(self, seconds: float) -> None:
        """The provider said stop: nobody takes before then. Never shortens an earlier hold."""
        if not math.isfinite(seconds):
            raise ValueError(f"{self.name}: cannot be held for {seconds} seconds")
        self._update(
            lambda level, now: (algorithm.held(level, self.rate, now, now + seconds), None)
        )

    def learn(self, per_second: float) -> None:
        """The provider told its true rate. Cheap when it is the one known already."""
        if not algorithm.positive(per_second):
            raise ValueError(f"{self.name}: a rate must be a positive number, not {per_second}")
        if (shared_state.read_state(self._key) or {}).get("learned") != per_second:
            self._update(lambda level, _now: (replace(level, learned=float(per_second)), None))

    def snapshot(self) -> Snapshot:
        level = self._look()
        return Snapshot(
            per_second=level.learned or self.rate.permits or self.rate.per_second,
            used=level.used,
            learned=bool(level.learned),
            held_for=max(0.0, level.held_until - level.at),
        )

    def _look(self) -> Level:
        state, now = shared_state.peek(self._key)
        return algorithm.refilled(_level(state, self.rate, now), self.rate, now)

    def _update(
        self, change: Callable[[Level, float], tuple[Level, shared_state.T]]
    ) -> shared_state.T:
        def apply(state: State | None, now: float) -> tuple[State, shared_state.T]:
            level, answer = change(_level(state, self.rate, now), now)
            return asdict(level), answer

        return shared_state.update_state(self._key, apply)


def _level(state: State | None, rate: Rate, now: float) -> Level:
    if not state:
        return Level(tokens=rate.burst, at=now)
    return Level(**{one.name: state[one.name] for one in fields(Level) if one.name in state})
