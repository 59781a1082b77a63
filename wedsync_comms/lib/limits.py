"""Pace: token buckets that all processes share, per provider and sender.

The arithmetic is `take`, a pure function. Without Redis it runs under a row lock; with Redis the
same arithmetic runs inside Redis, one round trip and no retries (`tests/lib` holds them equal).
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from django.conf import settings

from wedsync_comms.lib import shared
from wedsync_comms.lib.shared import State

# Less missing than this is nothing: after sleeping exactly as long as told, rounding must not
# refuse. What was taken too early is missing later, so it does not add up.
CLOSE_ENOUGH = 1e-9


@dataclass(frozen=True)
class Rate:
    """Up to `burst` at once, `per_second` in the long run. Only urgent ones use the `reserve`."""

    per_second: float
    burst: float
    reserve: float = 0.0

    def __post_init__(self) -> None:
        if not (_positive(self.per_second) and _positive(self.burst)):
            raise ValueError(f"per_second and burst must be positive numbers: {self}")
        if not 0 <= self.reserve < self.burst:
            raise ValueError(f"reserve must be at least 0 and less than burst: {self}")


@dataclass(frozen=True)
class Level:
    """What is in a bucket: `tokens` at the time `at`. `learned` is 0 while only we set the rate."""

    tokens: float
    at: float
    held_until: float = 0.0
    learned: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """A bucket for display: rate and burst as they are now, `held_for` in seconds."""

    tokens: float
    burst: float
    reserve: float
    per_second: float
    learned: bool
    held_for: float


class TokenBucket:
    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._key = f"limit:{name}"

    def acquire(self, *, urgent: bool = False, cost: float = 1.0) -> float:
        """0.0: taken, go. Otherwise nothing was taken: ask again after so many seconds."""
        available = self.rate.burst if urgent else self.rate.burst - self.rate.reserve
        if not 0 < cost <= available:
            raise ValueError(f"{self.name}: a cost of {cost} never fits, only up to {available}")
        if settings.REDIS_URL:
            return _take_in_redis(self._key, self.rate, cost=cost, urgent=urgent)
        return self._update(lambda level, now: take(level, self.rate, now, cost, urgent=urgent))

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
            per_second=level.learned or self.rate.per_second,
            learned=bool(level.learned),
            held_for=max(0.0, level.held_until - now),
        )

    def _update(self, change: Callable[[Level, float], tuple[Level, shared.T]]) -> shared.T:
        def apply(state: State | None, now: float) -> tuple[State, shared.T]:
            level, answer = change(_level(state, self.rate, now), now)
            return asdict(level), answer

        return shared.update(self._key, apply)


def capacity(level: Level, rate: Rate, cost: float = 1.0) -> float:
    """A provider slower than we thought also takes less at once; what is asked always fits in."""
    slower = min(1.0, (level.learned or rate.per_second) / rate.per_second)
    return min(rate.burst, max(rate.burst * slower, rate.reserve + cost))


def refilled(level: Level, rate: Rate, now: float, cost: float = 1.0) -> Level:
    elapsed = now - level.at
    if elapsed < 0:
        # The clock was set back. All our times move with it, and what flows in is what it shows
        # to pass from here on: nobody gets more, and nobody waits for the old time to come again.
        return replace(level, at=now, held_until=level.held_until + elapsed)
    flowed_in = elapsed * (level.learned or rate.per_second)
    return replace(level, at=now, tokens=min(capacity(level, rate, cost), level.tokens + flowed_in))


def take(
    level: Level,
    rate: Rate,
    now: float,
    cost: float = 1.0,
    *,
    urgent: bool = False,
) -> tuple[Level, float]:
    """The level after it, and how long to wait (0.0: taken)."""
    full = refilled(level, rate, now, cost)
    needed = cost if urgent else cost + rate.reserve
    missing = (needed - full.tokens) / (level.learned or rate.per_second)
    wait = max(missing, full.held_until - now)
    if wait <= CLOSE_ENOUGH:
        return replace(full, tokens=full.tokens - cost), 0.0
    # A refusal is no change, so nothing is written; only a clock set back must be remembered.
    return (full if now < level.at else level), wait


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
    return Level(**state) if state else Level(tokens=rate.burst, at=now)


# `take`, word for word. KEYS: the bucket; ARGV: per_second, burst, reserve, cost, needed, lifetime
# of a bucket nobody taught or held, of any other, and the time ("" for the server's own).
# cjson would write times with 14 digits; %.17g keeps them whole.
TAKE = """
local per_second, burst, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost, needed = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = tonumber(ARGV[8])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local raw = redis.call('GET', KEYS[1])
local level = raw and cjson.decode(raw) or {tokens = burst, at = now, held_until = 0, learned = 0}
local speed = level.learned > 0 and level.learned or per_second
local elapsed = now - level.at
local tokens, held_until = level.tokens, level.held_until
if elapsed < 0 then
  held_until = held_until + elapsed
else
  local slower = math.min(1, speed / per_second)
  local capacity = math.min(burst, math.max(burst * slower, reserve + cost))
  tokens = math.min(capacity, tokens + elapsed * speed)
end
local wait = math.max((needed - tokens) / speed, held_until - now)
local taken = wait <= 1e-9
if taken then tokens = tokens - cost end
if taken or elapsed < 0 then
  local plain = level.learned == 0 and held_until <= now
  redis.call('SET', KEYS[1], string.format(
    '{"tokens":%.17g,"at":%.17g,"held_until":%.17g,"learned":%.17g}',
    tokens, now, held_until, level.learned), 'EX', plain and ARGV[6] or ARGV[7])
end
return string.format('%.17g', taken and 0 or wait)
"""


def _take_in_redis(key: str, rate: Rate, *, cost: float, urgent: bool, now: str = "") -> float:
    needed = cost if urgent else cost + rate.reserve
    # A bucket left alone is full again by then, and a full one is like none.
    lifetime = math.ceil(rate.burst / rate.per_second) + 60
    with shared.reachable():
        script = shared.client().register_script(TAKE)
        wait = script(
            keys=[shared.redis_key(key)],
            args=[
                *(repr(float(n)) for n in (rate.per_second, rate.burst, rate.reserve)),
                *(repr(float(n)) for n in (cost, needed)),
                lifetime,
                int(shared.KEEP.total_seconds()),
                now,
            ],
        )
    return float(wait)
