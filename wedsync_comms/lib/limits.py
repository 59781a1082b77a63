"""Pace: token buckets that all processes share, per provider and sender.

A bucket promises places ahead of time; what is promised counts as taken, so its level falls below
zero. `take` is the arithmetic, a pure function.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple

from wedsync_comms.lib import shared
from wedsync_comms.lib.shared import State

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
# An answer that takes longer than this share of so many before it may tell that its request was
# held up, for so many seconds at most. The others vary as this provider's answers always do, and
# are believed as far as that costs nothing of the rate.
USUAL, KNOWN, HELD_UP = 0.9, 500, 0.1
# So many have to be known before the quickest of them tells how long the way takes at least.
FEW = 10
# Of how many answers about the time the quickest counts; and from how many seconds on one is not
# late, but the other clock was set back.
ANSWERS, SET_BACK = 32, 0.5
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
        if not (_positive(self.per_second) and 1 <= self.burst < math.inf):
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


class Place(NamedTuple):
    """The right to one request, from the moment `at` of `time.monotonic` on."""

    number: int
    at: float
    # As in `Wait`.
    planned: float

    def is_missed(self, moment: float) -> bool:
        """Whether what arrives at that moment comes too close to what leaves a second later."""
        return moment - self.planned > SLACK


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


_clock = Clock()


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


class TokenBucket:
    def __init__(self, name: str, rate: Rate) -> None:
        self.name = name
        self.rate = rate
        self._key = f"limit:{name}"

    def acquire(self) -> float:
        """0.0: taken, go. Otherwise nothing was taken: ask again after so many seconds."""
        return self._update(lambda level, now: acquire(level, self.rate, now))

    def outlook(self) -> float:
        """In how many seconds there is a place for whoever asks now. Takes none."""
        return take(self._look(), self.rate)[1].seconds

    def turn(self, count: int) -> float:
        """0.0: it is the caller's turn to take so many places, which begin soon. Otherwise in how
        many seconds to ask again. So not everybody takes those places that everybody found free.
        """
        return self._update(lambda level, now: turn(level, self.rate, now, count))

    def reserve(self, count: int) -> Sequence[Place]:
        """Takes the next places, however far ahead."""

        def promise(level: Level, now: float) -> tuple[Level, Sequence[Place]]:
            here = _clock.here(now)
            after, waits = reserve(level, self.rate, now, count)
            places = enumerate(waits, level.taken)
            return after, [Place(n, here + one.seconds, here + one.planned) for n, one in places]

        return self._update(promise)

    def postpone(self, late: Iterable[Arrival]) -> None:
        """What came too close to what leaves a second later makes that wait."""

        def postpone(level: Level, now: float) -> tuple[Level, None]:
            here = _clock.here(now)
            for one in late:
                level = postponed(level, self.rate, one.number, now + one.moment - here)
            return level, None

        if self.rate.permits:
            self._update(postpone)

    def wait(self) -> bool:
        """Takes a place and sleeps until it may be used. False: none is near enough."""
        if self.outlook() > AHEAD:
            return False
        [place] = self.reserve(1)
        time.sleep(max(0.0, place.at - time.monotonic()))
        return True

    def hold(self, seconds: float) -> None:
        """The provider said stop: nobody takes before then. Never shortens an earlier hold."""
        if not math.isfinite(seconds):
            raise ValueError(f"{self.name}: cannot be held for {seconds} seconds")
        self._update(lambda level, now: (held(level, self.rate, now, now + seconds), None))

    def learn(self, per_second: float) -> None:
        """The provider told its true rate. Cheap when it is the one known already."""
        if not _positive(per_second):
            raise ValueError(f"{self.name}: a rate must be a positive number, not {per_second}")
        if (shared.read(self._key) or {}).get("learned") != per_second:
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
        state, now = shared.peek(self._key)
        return refilled(_level(state, self.rate, now), self.rate, now)

    def _update(self, change: Callable[[Level, float], tuple[Level, shared.T]]) -> shared.T:
        def apply(state: State | None, now: float) -> tuple[State, shared.T]:
            level, answer = change(_level(state, self.rate, now), now)
            return asdict(level), answer

        return shared.update(self._key, apply)


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
    return after, Wait(max(planned, not_before - level.at), planned)


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


def _positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _level(state: State | None, rate: Rate, now: float) -> Level:
    if not state:
        return Level(tokens=rate.burst, at=now)
    return Level(**{one.name: state[one.name] for one in fields(Level) if one.name in state})
