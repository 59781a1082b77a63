"""Pace: token buckets that all processes share, per provider and sender.

The arithmetic is `reserve`, a pure function. Without Redis it runs under a row lock; with Redis the
same arithmetic runs inside Redis, one round trip and no retries (`tests/lib` holds them equal).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django.conf import settings

from wedsync_comms.lib import shared
from wedsync_comms.lib.shared import State

RESERVE = Path(__file__).with_name("reserve.lua").read_text()

# How far ahead places are taken, in seconds: enough for many messages at once, which then leave one
# after the other, and short enough for an urgent one to wait behind them.
AHEAD = 0.2

# Less missing than this is nothing: after sleeping exactly as long as told, rounding must not
# refuse. What was taken too early is missing later, so it does not add up.
CLOSE_ENOUGH = 1e-9

# Providers count by the second, from whichever request they please. What leaves here in a second
# may arrive there in a little less, so somewhat less than what is permitted leaves here.
SHARE = 0.985
# What was taken is counted in slots of so many seconds, and forgotten so long after its slot.
SLOT = 0.005
SECOND = 1.01
# The first requests after a rest are the slowest, they open connections: the second that the
# provider counts from them on reaches further into our next one. So the first gets this much less.
WARM_UP = 0.1


@dataclass(frozen=True)
class Rate:
    """Up to `burst` at once, `per_second` in the long run. Only urgent ones use the `reserve`."""

    per_second: float
    burst: float
    reserve: float = 0.0
    # At most so many in any second, however much is saved up. 0: whatever the burst allows.
    in_any_second: float = 0.0

    @classmethod
    def permitted(cls, per_second: float) -> "Rate":
        """What keeps within a provider's limit by the second, with one place for urgent ones."""
        return cls(
            per_second=SHARE * per_second,
            burst=max(2.0, per_second / 10),
            reserve=1.0,
            # A provider that takes less than one a second counts by longer spans.
            in_any_second=per_second if per_second >= 1 else 0.0,
        )

    def __post_init__(self) -> None:
        if not (_positive(self.per_second) and _positive(self.burst)):
            raise ValueError(f"per_second and burst must be positive numbers: {self}")
        if not 0 <= self.reserve <= self.burst - 1:
            raise ValueError(f"reserve must be at least 0 and leave room for one: {self}")


@dataclass(frozen=True)
class Level:
    """What is in a bucket: `tokens` at the time `at`. `learned` is 0 while only we set the rate."""

    tokens: float
    at: float
    held_until: float = 0.0
    learned: float = 0.0
    # What was taken in the last second: slots and counts, oldest first.
    recent: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A bucket for display: rate and burst as they are now, `held_for` in seconds."""

    tokens: float
    burst: float
    reserve: float
    per_second: float
    learned: bool
    held_for: float


@dataclass(frozen=True)
class Places:
    """In how many seconds each may be used, soonest first, and how soon the next may be."""

    delays: Sequence[float]
    next_in: float


class TokenBucket:
    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._key = f"limit:{name}"

    def acquire(self, *, urgent: bool = False) -> float:
        """0.0: taken, go. Otherwise nothing was taken: ask again after so many seconds."""
        places = self.reserve(1, urgent=urgent)
        return 0.0 if places.delays else places.next_in

    def outlook(self, *, urgent: bool = False) -> float:
        """In how many seconds there is a place for whoever asks now. Takes none."""
        return self.reserve(0, urgent=urgent).next_in

    def reserve(self, most: int, *, within: float = 0.0, urgent: bool = False) -> Places:
        """Up to `most` places, all of them to be used within so many seconds from now."""
        if settings.REDIS_URL:
            return _reserve_in_redis(self._key, self.rate, most, within=within, urgent=urgent)
        return self._update(
            lambda level, now: reserve(level, self.rate, now, most, within=within, urgent=urgent),
        )

    def wait(self) -> bool:
        """Takes a place and sleeps until it may be used. False: none is near enough."""
        places = self.reserve(1, within=AHEAD)
        for delay in places.delays:
            time.sleep(delay)
        return bool(places.delays)

    def hold(self, seconds: float) -> None:
        """The provider said stop: nobody takes before then. Never shortens an earlier hold."""
        if not math.isfinite(seconds):
            raise ValueError(f"{self.name}: cannot be held for {seconds} seconds")
        self._update(lambda level, now: (held(level, now, now + seconds), None))

    def learn(self, per_second: float) -> None:
        """The provider told its true rate. Cheap when it is the one known already."""
        if not _positive(per_second):
            raise ValueError(f"{self.name}: a rate must be a positive number, not {per_second}")
        if (shared.read(self._key) or {}).get("learned") != per_second:
            self._update(lambda level, _now: (replace(level, learned=float(per_second)), None))

    def snapshot(self) -> Snapshot:
        state, now = shared.peek(self._key)
        level = refilled(_level(state, self.rate, now), self.rate, now)
        return Snapshot(
            tokens=level.tokens,
            burst=capacity(level, self.rate),
            reserve=self.rate.reserve,
            per_second=level.learned or self.rate.in_any_second or self.rate.per_second,
            learned=bool(level.learned),
            held_for=max(0.0, level.held_until - now),
        )

    def _update(self, change: Callable[[Level, float], tuple[Level, shared.T]]) -> shared.T:
        def apply(state: State | None, now: float) -> tuple[State, shared.T]:
            level, answer = change(_level(state, self.rate, now), now)
            return asdict(level), answer

        return shared.update(self._key, apply)


def speed(level: Level, rate: Rate) -> float:
    """A learned rate is the provider's own, of which we keep the same share as of the other."""
    share = rate.per_second / rate.in_any_second if rate.in_any_second else 1.0
    return share * level.learned if level.learned else rate.per_second


def capacity(level: Level, rate: Rate) -> float:
    """A provider slower than we thought also takes less at once; one always fits in."""
    slower = min(1.0, speed(level, rate) / rate.per_second)
    return min(rate.burst, max(rate.burst * slower, rate.reserve + 1.0))


def refilled(level: Level, rate: Rate, now: float) -> Level:
    elapsed = now - level.at
    if elapsed < 0:
        # The clock was set back. All our times move with it, and what flows in is what it shows
        # to pass from here on: nobody gets more, and nobody waits for the old time to come again.
        shift = math.floor(elapsed / SLOT)
        recent = tuple((slot + shift, count) for slot, count in level.recent)
        held_until = level.held_until + elapsed
        return replace(level, at=now, held_until=held_until, recent=recent)
    flowed_in = elapsed * speed(level, rate)
    return replace(level, at=now, tokens=min(capacity(level, rate), level.tokens + flowed_in))


def reserve(
    level: Level,
    rate: Rate,
    now: float,
    most: int,
    *,
    within: float = 0.0,
    urgent: bool = False,
) -> tuple[Level, Places]:
    """The level after it, and what was taken. Places ahead of time are debt: the level falls below
    zero. A refusal is no change, so nothing is written; only a clock set back is remembered."""
    full = refilled(level, rate, now)
    after, delays = full, list[float]()
    one, wait = take(full, rate, urgent=urgent)
    while len(delays) < most and wait <= within + CLOSE_ENOUGH:
        after = one
        delays.append(wait)
        one, wait = take(after, rate, urgent=urgent)
    if delays:
        return after, Places(delays, wait)
    return (full if now < level.at else level), Places((), wait)


def take(level: Level, rate: Rate, *, urgent: bool = False) -> tuple[Level, float]:
    """The level when its next place is taken, and in how many seconds that may be used."""
    needed = 1.0 if urgent else 1.0 + rate.reserve
    missing = (needed - level.tokens) / speed(level, rate)
    recent = tuple(one for one in level.recent if forgotten_at(one) > level.at)
    wait = max(0.0, missing, level.held_until - level.at, crowded(recent, level, rate))
    noted = note(recent, level, rate, level.at + wait)
    return replace(level, tokens=level.tokens - 1.0, recent=noted), wait


def forgotten_at(entry: tuple[float, float]) -> float:
    return (entry[0] + 1) * SLOT + SECOND


def crowded(recent: Sequence[tuple[float, float]], level: Level, rate: Rate) -> float:
    """How long until so much of the last second is forgotten that one more has room in it."""
    if not rate.in_any_second or not recent:
        return 0.0
    excess = sum(count for _, count in recent) + 1.0 - (level.learned or rate.in_any_second)
    wait = 0.0
    for entry in recent:
        if excess <= CLOSE_ENOUGH:
            break
        excess -= entry[1]
        wait = forgotten_at(entry) - level.at
    return wait


def note(
    recent: tuple[tuple[float, float], ...],
    level: Level,
    rate: Rate,
    at: float,
) -> tuple[tuple[float, float], ...]:
    if not rate.in_any_second:
        return ()
    slot = math.floor(at / SLOT)
    if not recent:
        return ((slot, 1.0 + math.floor(WARM_UP * (level.learned or rate.in_any_second))),)
    last, count = recent[-1]
    # An urgent one may come a little before the last place: counted with it, never too early.
    if slot <= last:
        return (*recent[:-1], (last, count + 1.0))
    return (*recent, (slot, 1.0))


def held(level: Level, now: float, until: float) -> Level:
    # Times of a clock that was set back since would hold for too long, or not at all.
    shift = min(0.0, now - level.at)
    return replace(
        level,
        at=level.at + shift,
        held_until=max(level.held_until + shift, until),
    )


def _positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _level(state: State | None, rate: Rate, now: float) -> Level:
    if not state:
        return Level(tokens=rate.burst, at=now)
    return Level(**{**state, "recent": tuple(map(tuple, state.get("recent", ())))})


def _reserve_in_redis(
    key: str,
    rate: Rate,
    most: int,
    *,
    within: float,
    urgent: bool,
    now: str = "",
) -> Places:
    # A bucket left alone is full again by then, and a full one is like none.
    lifetime = math.ceil(rate.burst / rate.per_second) + 60
    needed = 1.0 if urgent else 1.0 + rate.reserve
    numbers = (
        *(SLOT, SECOND, WARM_UP, CLOSE_ENOUGH),
        *(rate.per_second, rate.burst, rate.reserve, rate.in_any_second),
        *(needed, most, within, lifetime, shared.KEEP.total_seconds()),
    )
    with shared.reachable():
        script = shared.client().register_script(RESERVE)
        keys = [shared.redis_key(key)]
        next_in, *delays = script(keys=keys, args=[*map(repr, numbers), now])
    return Places([float(one) for one in delays], float(next_in))
