"""`take` as arithmetic: whatever the clock and the callers do."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from wedsync_comms.lib.rate_limit.algorithm import (
    AHEAD,
    TURN,
    Level,
    Rate,
    acquire,
    held,
    postponed,
    refilled,
    reserve,
    turn,
)
from wedsync_comms.lib.rate_limit.limiter import (
    Arrival,
    Place,
)

RATE = Rate(per_second=3, burst=8)
START = 1_700_000_000.0


@dataclass(frozen=True)
class Call:
    after: float
    count: int


calls = st.lists(
    st.builds(
        Call,
        # Negative: the clock was set back. Many at once, a few far apart.
        after=st.one_of(st.just(0.0), st.floats(-2, 2), st.floats(-4000, 4000)),
        count=st.integers(1, 6),
    ),
    max_size=40,
)
learned_rates = st.sampled_from([0.0, 0.5, 3.0, 20.0])
run = hypothesis(database=None, deadline=None, max_examples=200)


@run
@given(calls, learned_rates)
def test_no_window_ever_gets_more_than_burst_and_rate(todo: list[Call], learned: float) -> None:
    level, now = Level(tokens=RATE.burst, at=START, learned=learned), START
    surplus = 0.0  # the largest of (taken - flowed in) over all windows that end here
    for call in todo:
        now += call.after
        surplus = max(0.0, surplus - max(0.0, call.after) * (learned or RATE.per_second))
        for _ in range(call.count):
            level, wait = acquire(level, RATE, now)
            surplus += wait == 0
        assert surplus <= RATE.burst + 1e-5


@run
@given(
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 10)), max_size=40),
    st.sampled_from([2.0, 20.0, 100.0]),
    st.sampled_from([0.0, 5.0, 60.0]),
)
def test_no_second_ever_gets_more_than_is_permitted(
    todo: list[tuple[float, int]],
    permitted: float,
    learned: float,
) -> None:
    rate = Rate.permitted(permitted)
    level, now = Level(tokens=rate.burst, at=START, learned=learned), START
    places: list[float] = []
    for after, count in todo:
        now += after
        level, waits = reserve(level, rate, now, count)
        places += [now + wait.seconds for wait in waits]
    assert places == sorted(places)
    for number, place in enumerate(places):
        within = [one for one in places[number:] if one < place + 1 - 1e-6]
        assert len(within) <= (learned or permitted)


def test_who_reserves_whatever_there_is_gets_almost_all_of_it_from_the_first_second_on() -> None:
    rate = Rate.permitted(20)
    _, waits = reserve(Level(tokens=rate.burst, at=START), rate, START, 60 * 20)
    assert 0.98 * 60 * 20 <= len([one for one in waits if one.seconds < 60]) <= 60 * 20


@run
@given(calls, learned_rates)
def test_whoever_waits_as_told_gets_it(todo: list[Call], learned: float) -> None:
    level, now = Level(tokens=RATE.burst, at=START, learned=learned), START
    for call in todo:
        now += call.after
        for _ in range(call.count):
            level, _wait = acquire(level, RATE, now)
    level, wait = acquire(level, RATE, now)
    assume(wait > 0)
    assert wait <= RATE.burst / min(RATE.per_second, learned or RATE.per_second)
    # The clock's own grain: a double holds today's time to a quarter of a microsecond.
    assert acquire(level, RATE, now + wait + 1e-6)[1] <= 1e-5


def test_a_clock_set_back_makes_nobody_wait_for_the_old_time() -> None:
    level, _ = acquire(Level(tokens=0, at=START), RATE, START - 3600)
    assert acquire(level, RATE, START - 3599)[1] == 0


def test_a_clock_set_back_stops_nobodys_turn() -> None:
    level, _ = reserve(Level(tokens=1, at=START), RATE, START, 100)
    level, wait = turn(level, RATE, START - 3600, 1)
    assert turn(level, RATE, START - 3600 + wait + 0.001, 1)[1] == 0


TEN = Rate(per_second=10, burst=1)
FULL = Level(tokens=1, at=START)


def test_what_somebody_is_about_to_take_nobody_else_is_offered() -> None:
    level, first = turn(FULL, TEN, START, 4)
    level, second = turn(level, TEN, START + 0.02, 4)
    assert first == 0
    assert second == pytest.approx(TURN - 0.02)
    level, _ = reserve(level, TEN, START + 0.04, 4)
    # The fourth after the first is 0.4 s away, and one may take what begins within 0.3 s.
    assert turn(level, TEN, START + 0.04, 4)[1] == pytest.approx(0.4 - AHEAD)


def test_many_have_a_turn_where_there_is_room_for_them() -> None:
    hundred, level, waits = Rate(per_second=100, burst=1), FULL, []
    for _ in range(4):
        level, wait = turn(level, hundred, START, 20)
        waits.append(wait)
    assert waits == [0, 0, 0, pytest.approx(TURN)]


def test_whoever_wants_more_than_there_is_has_a_turn_as_well() -> None:
    assert turn(FULL, Rate(per_second=0.1, burst=1), START, 5)[1] == 0


def test_a_turn_that_nobody_uses_ends_by_itself() -> None:
    level, _ = turn(FULL, TEN, START, 6)
    assert turn(level, TEN, START + TURN - 0.001, 6)[1] > 0
    assert turn(level, TEN, START + TURN, 6)[1] == 0


def test_nobody_has_a_turn_while_enough_is_promised() -> None:
    level, _ = reserve(FULL, TEN, START, 5)
    assert turn(level, TEN, START, 1)[1] == pytest.approx(0.5 - AHEAD)


def test_a_hold_moves_with_a_clock_set_back() -> None:
    level = held(Level(tokens=5, at=START), RATE, START, START + 10)
    assert refilled(level, RATE, START - 3600).held_until == START - 3600 + 10
    again = held(level, RATE, START - 3600, START - 3600 + 5)
    assert again.held_until == START - 3600 + 10


@run
@given(st.floats(0.1, 30), st.integers(1, 50), st.integers(1, 50))
def test_nobody_leaves_during_a_hold_nor_all_at_once_after_it(
    seconds: float,
    before: int,
    after: int,
) -> None:
    rate = Rate.permitted(10)
    level, _ = reserve(Level(tokens=rate.burst, at=START), rate, START, before)
    paused = held(level, rate, START, START + seconds)
    level, waits = reserve(paused, rate, START + seconds / 2, after)
    places = [seconds / 2 + wait.seconds for wait in waits]
    assert places[0] >= seconds - 1e-6
    gaps = [later - earlier for earlier, later in pairwise(places)]
    assert all(gap >= 1 / rate.per_second - 1e-6 for gap in gaps)


@run
@given(
    st.lists(st.floats(0.0, 3.0), min_size=1, max_size=4), st.integers(1, 200), st.integers(1, 50)
)
def test_what_was_promised_for_after_a_hold_is_not_promised_again(
    holds: list[float],
    before: int,
    after: int,
) -> None:
    rate = Rate.permitted(100)
    level, promised = reserve(Level(tokens=1, at=START), rate, START, before)
    until = 0.0
    for number, seconds in enumerate(holds):
        until = max(until, number * 0.1 + seconds)
        level = held(level, rate, START + number * 0.1, START + number * 0.1 + seconds)
    now = 0.1 * len(holds)
    _, waits = reserve(level, rate, START + now, after)
    later = [one.seconds for one in promised if one.seconds >= until]
    gap = 1 / rate.per_second - 1e-6
    assert all(now + wait.seconds >= max(later, default=0.0) + gap for wait in waits)


def test_a_refusal_is_no_change() -> None:
    level = Level(tokens=0, at=START)
    assert acquire(level, RATE, START + 0.1)[0] is level


def test_what_follows_a_postponed_one_is_postponed_before_that_has_arrived() -> None:
    rate = Rate.permitted(3)
    level, _ = reserve(Level(tokens=1, at=START), rate, START, 1)
    level = postponed(level, rate, 0, START + 0.9)
    _, waits = reserve(level, rate, START, 7)
    assert waits[2].seconds >= 1.9
    assert waits[5].seconds >= waits[2].seconds + 1


@run
@given(
    st.integers(2, 40),
    st.lists(st.one_of(st.floats(0, 0.03), st.floats(0, 0.3)), min_size=1, max_size=200),
)
def test_however_late_requests_arrive_no_second_gets_more_than_is_permitted(
    permitted: int,
    delays: list[float],
) -> None:
    rate = Rate.permitted(permitted)
    level, now = Level(tokens=rate.burst, at=START), START
    arrivals: list[float] = []
    missed: list[Arrival] = []
    for number, delay in enumerate(delays):
        # Whoever sends takes its places a little ahead, and knows of what was late until then.
        _, [wait] = reserve(level, rate, now, 1)
        now += max(0.0, wait.seconds - AHEAD)
        for one in missed:
            if one.moment <= now:
                level = postponed(level, rate, *one)
        missed = [one for one in missed if one.moment > now]
        level, [wait] = reserve(level, rate, now, 1)
        place = Place(number, now + wait.seconds, now + wait.planned)
        arrivals.append(place.at + delay)
        if place.is_missed(arrivals[-1]):
            missed.append(Arrival(number, arrivals[-1]))
    arrivals.sort()
    for first, one_too_many in zip(arrivals, arrivals[permitted:], strict=False):
        assert one_too_many - first >= 1 - 1e-6
