"""What is in a token bucket, and what becomes of it: pure functions, told the time.

A bucket promises places ahead of time; what is promised counts as taken, so its level falls below
zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

# How far ahead places are taken, in seconds: enough for many messages at once, which then leave one
# after the other, and short enough for whoever comes after them.
AHEAD = 0.3
# How far ahead all processes together may promise, in seconds; and for how long places are kept for
# who is about to take them.
MOST, TURN = 2 * AHEAD, 0.1
# Of how many places it is known that they have to wait; those of a second matter.
POSTPONED = 200

# Less missing than this is nothing: after sleeping exactly as long as told, rounding must not
# refuse. What was taken too early is missing later, so it does not add up.
CLOSE_ENOUGH = 1e-9

# Providers count by the second, from whichever request they please. What leaves here in a second
# may arrive there in a little less, so somewhat less than what is permitted leaves here, evenly.
SHARE = 0.985
# What is kept of a second, in seconds; and the part of it that is left to what nobody sees.
KEPT, UNSEEN = 1 / SHARE - 1, 0.002
# A request that arrives so much later than planned comes too close to the one a second later.
SLACK = KEPT - UNSEEN
# Over how many seconds it is smoothed how much of a rate is used.
SMOOTHED = 10.0


@dataclass(frozen=True)
class Rate:
    """Up to `burst` at once, `per_second` in the long run."""

    per_second: float
    burst: float
    # What the provider permits, of which we keep a little less. 0: `per_second` is ours.
    permits: float = 0.0

    @classmethod
    def permitted(cls, per_second: float) -> "Rate":
        """What keeps within a provider's limit by the second."""
        return cls(per_second=SHARE * per_second, burst=1.0, permits=per_second)

    def __post_init__(self) -> None:
        if not (positive(self.per_second) and 1 <= self.burst < math.inf):
            raise ValueError(f"per_second must be a positive number, burst at least 1: {self}")


@dataclass(frozen=True)
class Level:
    """What is in a bucket: `tokens` at the time `at`, less than none where places are promised.

    `learned` is 0 while only we set the rate. `taken` numbers the places; `postponed` are those to
    come that may not be used before a moment. Until `turn_until`, `announced` are about to be
    taken.
    """

    tokens: float
    at: float
    held_until: float = 0.0
    learned: float = 0.0
    # Places a second, lately.
    used: float = 0.0
    taken: int = 0
    postponed: Sequence[tuple[int, float]] = ()
    announced: int = 0
    turn_until: float = 0.0


class Wait(NamedTuple):
    """In how many seconds a place may be used, and in how many it might have been if nothing had
    postponed it."""

    seconds: float
    planned: float


def speed(level: Level, rate: Rate) -> float:
    """A learned rate is the provider's own, of which we keep the same share as of the other."""
    share = rate.per_second / rate.permits if rate.permits else 1.0
    return share * level.learned if level.learned else rate.per_second


def capacity(level: Level, rate: Rate) -> float:
    """A provider slower than we thought also takes less at once; one always fits in."""
    slower = min(1.0, speed(level, rate) / rate.per_second)
    return max(1.0, rate.burst * slower)


def refilled(level: Level, rate: Rate, now: float) -> Level:
    elapsed = now - level.at
    if elapsed < 0:
        # The clock was set back. All our times move with it, and what flows in is what it shows
        # to pass from here on: nobody gets more, and nobody waits for the old time to come again.
        held_until = level.held_until + elapsed
        return replace(level, at=now, held_until=held_until, postponed=(), announced=0)
    # Nothing flows in while the provider wants to be left alone, or all of it would leave at once.
    flowed_in = max(0.0, now - max(level.at, level.held_until)) * speed(level, rate)
    return replace(
        level,
        at=now,
        tokens=min(capacity(level, rate), level.tokens + flowed_in),
        used=level.used * math.exp(-elapsed / SMOOTHED),
    )


def take(level: Level, rate: Rate) -> tuple[Level, Wait]:
    """The level when its next place is taken, and when that may be used."""
    missing = (1.0 - level.tokens) / speed(level, rate)
    planned = max(0.0, level.held_until - level.at) + max(0.0, missing)
    not_before = dict(level.postponed).get(level.taken, 0.0)
    after = replace(
        level,
        tokens=level.tokens - 1.0,
        used=level.used + 1.0 / SMOOTHED,
        taken=level.taken + 1,
    )
    wait = Wait(max(planned, not_before - level.at), planned)
    if wait.seconds > planned:
        # It arrives no earlier than it leaves: what comes a second later need not be told.
        after = postponed(after, rate, level.taken, level.at + wait.seconds)
    return after, wait


def acquire(level: Level, rate: Rate, now: float) -> tuple[Level, float]:
    """The level after it, and how long to wait (0.0: taken)."""
    full = refilled(level, rate, now)
    after, (wait, _) = take(full, rate)
    if wait <= CLOSE_ENOUGH:
        return after, 0.0
    return _unless_set_back(level, full), wait


def turn(level: Level, rate: Rate, now: float, count: int) -> tuple[Level, float]:
    """The level after it, and how long to wait (0.0: it is the caller's turn)."""
    full = refilled(level, rate, now)
    promised = take(full, rate)[1].seconds
    if promised > AHEAD:
        return _unless_set_back(level, full), promised - AHEAD
    announced = full.announced if full.turn_until > now else 0
    if announced and promised + (announced + count) / speed(full, rate) > MOST:
        return _unless_set_back(level, full), full.turn_until - now
    return replace(full, announced=announced + count, turn_until=now + TURN), 0.0


def reserve(level: Level, rate: Rate, now: float, count: int) -> tuple[Level, Sequence[Wait]]:
    """The level after it, and when each may be used. What was announced is taken."""
    announced = max(0, level.announced - count)
    after, waits = replace(refilled(level, rate, now), announced=announced), list[Wait]()
    for _ in range(count):
        after, wait = take(after, rate)
        waits.append(wait)
    return after, waits


def postponed(level: Level, rate: Rate, number: int, arrived: float) -> Level:
    """The level when the request of that place may have arrived so late: as many places later as
    are permitted in a second, none is used before a second has passed since then.

    If that one is taken already, nothing can be done any more.
    """
    permits = level.learned or rate.permits
    # Of less than one in a second, the next.
    later = max(1, int(permits))
    others = [one for one in level.postponed if one[0] >= level.taken]
    if number + later >= level.taken:
        others.append((number + later, arrived + later / permits + UNSEEN))
    return replace(level, postponed=tuple(others[-POSTPONED:]))


def held(level: Level, rate: Rate, now: float, until: float) -> Level:
    # Times of a clock that was set back since would hold for too long, or not at all.
    shift = min(0.0, now - level.at)
    at, before = level.at + shift, level.held_until + shift
    until = max(before, until)
    # What was promised until then is refused or given back, and no debt any more; what was
    # promised for later leaves all the same, and nobody else may have its places.
    covered = max(0.0, until - max(at, before)) * speed(level, rate)
    tokens = level.tokens if level.tokens >= 0 else min(0.0, level.tokens + covered)
    return replace(level, at=at, held_until=until, tokens=tokens)


def _unless_set_back(level: Level, full: Level) -> Level:
    """A refusal is no change, so nothing is written; only a clock set back must be remembered."""
    return full if full.at < level.at else level


def positive(number: float) -> bool:
    return math.isfinite(number) and number > 0
