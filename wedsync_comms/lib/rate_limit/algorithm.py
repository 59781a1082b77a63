"""Rate limiting by the generic cell rate algorithm (GCRA): pure functions, told the time.

GCRA is a token bucket that remembers one moment instead of a number of tokens: the theoretical
arrival time of the next request, `tat`. Each request moves it on by one interval, and may come
earlier than it by what the burst allows. https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

# How much of what a provider permits is used. Providers count by the second, and what leaves here
# in a second may arrive there in a little less: at 0.95, requests may bunch up by 50 ms.
UTILISATION_TARGET = 0.95
# How far ahead slots are reserved, in seconds: enough for many calls of one claim, which then leave
# one after the other, and short enough for whoever comes after them.
RESERVATION_HORIZON_S = 0.3
# A slot that is nearer than this is there. Times of today are known to a quarter of a microsecond,
# and after sleeping exactly as long as told, rounding must not refuse; `tat` does not move with it.
ROUNDING_S = 1e-6
# What a refusal leaves of a rate. Refusals within a second of each other are one: what was under
# way at the first was sent at the old rate.
DECREASE = 0.7
ONE_REFUSAL_S = 1.0
# What a second of accepted requests at full use gives back, as a share of what is permitted: from
# 0.7 to the whole in two and a half minutes.
RISE_PER_S = 0.002
# However often it is refused, a rate is not lowered below this share.
LEAST_SHARE = 0.01
# Over how many seconds it is smoothed how much of a rate is used.
USAGE_EWMA_S = 10.0


@dataclass(frozen=True)
class Rate:
    """Up to `burst` requests at once, `per_second` in the long run.

    Raises ValueError where either makes no sense.
    """

    per_second: float
    burst: float
    # What the provider permits, of which `per_second` is a part. 0.0: the rate is our own.
    permitted: float = 0.0

    @classmethod
    def below(cls, permitted: float) -> "Rate":
        """Returns an evenly spaced rate that keeps within a provider's limit by the second."""
        return cls(UTILISATION_TARGET * permitted, burst=1.0, permitted=permitted)

    def __post_init__(self) -> None:
        if not (is_positive(self.per_second) and 1 <= self.burst < math.inf):
            raise ValueError(f"per_second must be a positive number, burst at least 1: {self}")


@dataclass(frozen=True)
class BucketState:
    """What all processes share of a bucket. Times are unix seconds; 0.0 is "not yet"."""

    # The theoretical arrival time of the next request.
    tat: float = 0.0
    # The clock at the last change.
    updated_at: float = 0.0
    held_until: float = 0.0
    # The rate the provider told us, in requests per second; 0.0 while only we set it.
    learned: float = 0.0
    # Requests per second, lately.
    used: float = 0.0
    # What was found out to be permitted by being refused, in requests per second; 0.0: as much as
    # is said. And when it was lowered last.
    found: float = 0.0
    lowered_at: float = 0.0


def effective_rate(state: BucketState, rate: Rate) -> float:
    """Returns requests per second. Of whatever is permitted the same share is used."""
    share = rate.per_second / rate.permitted if rate.permitted else 1.0
    return share * permitted_rate(state, rate)


def said_rate(state: BucketState, rate: Rate) -> float:
    """Returns the requests per second of the provider's word; where there is none, of ours."""
    return state.learned or rate.permitted or rate.per_second


def permitted_rate(state: BucketState, rate: Rate) -> float:
    """Returns the requests per second that are permitted, as far as is known: what is said, or the
    less that was found out."""
    said = said_rate(state, rate)
    return min(said, state.found) if state.found else said


def burst_tolerance(state: BucketState, rate: Rate) -> float:
    """Returns by how many seconds a request may come before its theoretical arrival time.

    A provider slower than we thought also takes less at once; one always fits in.
    """
    per_second = effective_rate(state, rate)
    burst = max(1.0, rate.burst * min(1.0, per_second / rate.per_second))
    return (burst - 1.0) / per_second


def at_time(state: BucketState, now: float) -> BucketState:
    """Returns the state as of `now`.

    Where the clock was set back, all times move with it: nobody gets more, and nobody waits for the
    old time to come again.
    """
    elapsed = now - state.updated_at
    shift = min(0.0, elapsed)
    return replace(
        state,
        tat=state.tat + shift,
        held_until=state.held_until + shift,
        lowered_at=state.lowered_at + shift,
        updated_at=now,
        used=state.used * math.exp(-max(0.0, elapsed) / USAGE_EWMA_S),
    )


def reserve_slots(
    state: BucketState,
    rate: Rate,
    now: float,
    count: int,
) -> tuple[BucketState, Sequence[float]]:
    """Takes the next slots, however far ahead.

    Returns the state after it, and in how many seconds each may be used.
    """
    current = at_time(state, now)
    interval, tolerance = 1.0 / effective_rate(current, rate), burst_tolerance(current, rate)
    tat, delays = current.tat, list[float]()
    for _ in range(count):
        slot = max(now, current.held_until, tat - tolerance)
        tat = max(tat, slot) + interval
        delays.append(slot - now)
    used = current.used + count / USAGE_EWMA_S
    return replace(current, tat=tat, used=used), delays


def acquire_now(state: BucketState, rate: Rate, now: float) -> tuple[BucketState, float]:
    """Takes a slot if there is one. Returns the state, and 0.0 or in how many seconds to retry."""
    after, [delay] = reserve_slots(state, rate, now, 1)
    return (after, 0.0) if delay <= ROUNDING_S else (_unless_set_back(state, now), delay)


def time_to_next_slot(state: BucketState, rate: Rate, now: float) -> tuple[BucketState, float]:
    """Takes nothing. Returns the state, and in how many seconds the next slot may be used."""
    _, [delay] = reserve_slots(state, rate, now, 1)
    return _unless_set_back(state, now), delay


def hold_until(state: BucketState, rate: Rate, now: float, until: float) -> BucketState:
    """Returns the state in which nobody gets a slot before `until`, nor a burst right after it.

    Slots reserved until then are void; later ones keep their time. No hold is ever shortened.
    """
    current = at_time(state, now)
    until = max(current.held_until, until)
    tat = max(current.tat, until + burst_tolerance(current, rate))
    return replace(current, held_until=until, tat=tat)


def lower(state: BucketState, rate: Rate, now: float) -> BucketState:
    """Returns the state after a refusal: less is used than until now.

    Additive increase, multiplicative decrease:
    https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease
    """
    current = at_time(state, now)
    if now - current.lowered_at < ONE_REFUSAL_S:
        return current
    least = LEAST_SHARE * said_rate(current, rate)
    found = max(least, DECREASE * permitted_rate(current, rate))
    return replace(current, found=found, lowered_at=now)


def rise(state: BucketState, rate: Rate, now: float) -> BucketState:
    """Returns the state after an accepted request: a little more of what a refusal has taken."""
    if not state.found:
        return state
    current = at_time(state, now)
    said = said_rate(current, rate)
    found = current.found + RISE_PER_S * said / effective_rate(current, rate)
    return replace(current, found=0.0 if found >= said else found)


def is_positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _unless_set_back(state: BucketState, now: float) -> BucketState:
    """A refusal is no change, so nothing is written; only a clock set back must be remembered."""
    return at_time(state, now) if now < state.updated_at else state
