"""Pace: token buckets that all processes share, per provider and sender.

The arithmetic is `take`, a pure function. Without Redis it runs under a row lock; with Redis the
same arithmetic runs inside Redis, one round trip and no retries (`tests/lib` holds them equal).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from django.conf import settings

from wedsync_comms.lib import shared
from wedsync_comms.lib.shared import State

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
        if not 0 <= self.reserve < self.burst:
            raise ValueError(f"reserve must be at least 0 and less than burst: {self}")


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

    def acquire_some(self, most: int, *, urgent: bool = False) -> int:
        """Takes as many as there are now, up to `most`."""
        taken = 0
        while taken < most and not self.acquire(urgent=urgent):
            taken += 1
        return taken

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


def capacity(level: Level, rate: Rate, cost: float = 1.0) -> float:
    """A provider slower than we thought also takes less at once; what is asked always fits in."""
    slower = min(1.0, speed(level, rate) / rate.per_second)
    return min(rate.burst, max(rate.burst * slower, rate.reserve + cost))


def refilled(level: Level, rate: Rate, now: float, cost: float = 1.0) -> Level:
    elapsed = now - level.at
    if elapsed < 0:
        # The clock was set back. All our times move with it, and what flows in is what it shows
        # to pass from here on: nobody gets more, and nobody waits for the old time to come again.
        shift = math.floor(elapsed / SLOT)
        recent = tuple((slot + shift, count) for slot, count in level.recent)
        held_until = level.held_until + elapsed
        return replace(level, at=now, held_until=held_until, recent=recent)
    flowed_in = elapsed * speed(level, rate)
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
    missing = (needed - full.tokens) / speed(level, rate)
    recent = tuple(one for one in full.recent if forgotten_at(one) > now)
    wait = max(missing, full.held_until - now, crowded(recent, level, rate, cost, now))
    if wait <= CLOSE_ENOUGH:
        noted = note(recent, level, rate, cost, now)
        return replace(full, tokens=full.tokens - cost, recent=noted), 0.0
    # A refusal is no change, so nothing is written; only a clock set back must be remembered.
    return (full if now < level.at else level), wait


def forgotten_at(entry: tuple[float, float]) -> float:
    return (entry[0] + 1) * SLOT + SECOND


def crowded(
    recent: Sequence[tuple[float, float]],
    level: Level,
    rate: Rate,
    cost: float,
    now: float,
) -> float:
    """How long until so much of the last second is forgotten that `cost` has room in it."""
    if not rate.in_any_second or not recent:
        return 0.0
    excess = sum(count for _, count in recent) + cost - (level.learned or rate.in_any_second)
    wait = 0.0
    for entry in recent:
        if excess <= CLOSE_ENOUGH:
            break
        excess -= entry[1]
        wait = forgotten_at(entry) - now
    return wait


def note(
    recent: tuple[tuple[float, float], ...],
    level: Level,
    rate: Rate,
    cost: float,
    now: float,
) -> tuple[tuple[float, float], ...]:
    if not rate.in_any_second:
        return ()
    slot = math.floor(now / SLOT)
    if not recent:
        return ((slot, cost + math.floor(WARM_UP * (level.learned or rate.in_any_second))),)
    last, count = recent[-1]
    if last == slot:
        return (*recent[:-1], (slot, count + cost))
    return (*recent, (slot, cost))


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


# `take`, word for word. KEYS: the bucket; ARGV: per_second, burst, reserve, in_any_second, cost,
# needed, lifetime of a bucket nobody taught or held, of any other, and the time ("" for the
# server's own). cjson would write times with 14 digits; %.17g keeps them whole.
TAKE = f"""
local SLOT, SECOND, WARM_UP = {SLOT}, {SECOND}, {WARM_UP}
local per_second, burst, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local in_any_second, cost, needed = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local now = tonumber(ARGV[9])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local raw = redis.call('GET', KEYS[1])
local level = raw and cjson.decode(raw)
  or {{tokens = burst, at = now, held_until = 0, learned = 0}}
local share = in_any_second > 0 and per_second / in_any_second or 1
local speed = level.learned > 0 and share * level.learned or per_second
local limit = level.learned > 0 and level.learned or in_any_second
local elapsed, shift = now - level.at, 0
local tokens, held_until = level.tokens, level.held_until
if elapsed < 0 then
  held_until = held_until + elapsed
  shift = math.floor(elapsed / SLOT)
else
  local slower = math.min(1, speed / per_second)
  local capacity = math.min(burst, math.max(burst * slower, reserve + cost))
  tokens = math.min(capacity, tokens + elapsed * speed)
end
local recent, kept, used = {{}}, {{}}, 0
for index, entry in ipairs(level.recent or {{}}) do
  recent[index] = {{entry[1] + shift, entry[2]}}
  if (recent[index][1] + 1) * SLOT + SECOND > now then
    kept[#kept + 1] = recent[index]
    used = used + entry[2]
  end
end
local wait = math.max((needed - tokens) / speed, held_until - now)
if in_any_second > 0 and #kept > 0 then
  local excess, crowded = used + cost - limit, 0
  for _, entry in ipairs(kept) do
    if excess <= 1e-9 then break end
    excess = excess - entry[2]
    crowded = (entry[1] + 1) * SLOT + SECOND - now
  end
  wait = math.max(wait, crowded)
end
local taken = wait <= 1e-9
if taken then
  tokens, recent = tokens - cost, {{}}
  if in_any_second > 0 then
    local slot, last = math.floor(now / SLOT), kept[#kept]
    recent = kept
    if not last then
      recent[1] = {{slot, cost + math.floor(WARM_UP * limit)}}
    elseif last[1] == slot then
      last[2] = last[2] + cost
    else
      recent[#recent + 1] = {{slot, cost}}
    end
  end
end
if taken or elapsed < 0 then
  local entries = {{}}
  for index, entry in ipairs(recent) do
    entries[index] = string.format('[%.17g,%.17g]', entry[1], entry[2])
  end
  local plain = level.learned == 0 and held_until <= now
  redis.call('SET', KEYS[1], string.format(
    '{{"tokens":%.17g,"at":%.17g,"held_until":%.17g,"learned":%.17g,"recent":[%s]}}',
    tokens, now, held_until, level.learned, table.concat(entries, ',')),
    'EX', plain and ARGV[7] or ARGV[8])
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
                repr(float(rate.in_any_second)),
                *(repr(float(n)) for n in (cost, needed)),
                lifetime,
                int(shared.KEEP.total_seconds()),
                now,
            ],
        )
    return float(wait)
