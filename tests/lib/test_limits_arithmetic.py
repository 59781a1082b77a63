"""`take` as arithmetic: whatever the clock and the callers do."""

import os
from dataclasses import asdict, dataclass

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from wedsync_comms.lib import shared
from wedsync_comms.lib.limits import Level, Rate, _take_in_redis, held, refilled, take

RATE = Rate(per_second=3, burst=8, reserve=2)
PERMITTED = Rate.permitted(20)
START = 1_700_000_000.0


@dataclass(frozen=True)
class Call:
    after: float
    cost: float
    urgent: bool


calls = st.lists(
    st.builds(
        Call,
        # Negative: the clock was set back. Many at once, a few far apart.
        after=st.one_of(st.just(0.0), st.floats(-2, 2), st.floats(-4000, 4000)),
        cost=st.floats(0.1, 6),
        urgent=st.booleans(),
    ),
    max_size=40,
)
run = hypothesis(database=None, deadline=None, max_examples=200)


@run
@given(calls, st.sampled_from([0.0, 0.5, 3.0, 20.0]))
def test_no_window_ever_gets_more_than_burst_and_rate(todo: list[Call], learned: float) -> None:
    level, now = Level(tokens=RATE.burst, at=START, learned=learned), START
    surplus = 0.0  # the largest of (taken - flowed in) over all windows that end here
    for call in todo:
        now += call.after
        surplus = max(0.0, surplus - max(0.0, call.after) * (learned or RATE.per_second))
        level, wait = take(level, RATE, now, call.cost, urgent=call.urgent)
        surplus += call.cost if wait == 0 else 0
        assert surplus <= RATE.burst + 1e-5


@run
@given(calls)
def test_only_urgent_ones_touch_the_reserve(todo: list[Call]) -> None:
    level, now = Level(tokens=RATE.burst, at=START), START
    for call in todo:
        now += call.after
        level, wait = take(level, RATE, now, call.cost, urgent=call.urgent)
        if wait == 0 and not call.urgent:
            assert level.tokens >= RATE.reserve - 1e-6
        assert level.tokens >= -1e-6


@run
@given(
    st.lists(st.tuples(st.floats(0, 0.3), st.booleans()), max_size=150),
    st.sampled_from([0.0, 5.0, 60.0]),
)
def test_no_second_ever_gets_more_than_is_permitted(
    todo: list[tuple[float, bool]],
    learned: float,
) -> None:
    level, now = Level(tokens=PERMITTED.burst, at=START, learned=learned), START
    taken: list[float] = []
    for after, urgent in todo:
        now += after
        level, wait = take(level, PERMITTED, now, urgent=urgent)
        taken += [now] if wait == 0 else []
        assert len([at for at in taken if at > now - 1]) <= (learned or 20)


def test_who_takes_whatever_there_is_gets_almost_all_of_it_from_the_first_second_on() -> None:
    level, now, taken = Level(tokens=PERMITTED.burst, at=START), START, 0
    while now < START + 60:
        level, wait = take(level, PERMITTED, now)
        taken += wait == 0
        now += max(wait, 0.002)
    assert 0.98 * 60 * 20 <= taken <= 60 * 20


@run
@given(calls, st.floats(0.1, 6), st.booleans(), st.sampled_from([0.0, 0.5, 20.0]))
def test_whoever_waits_as_told_gets_it(
    todo: list[Call],
    cost: float,
    urgent: bool,  # noqa: FBT001  # drawn
    learned: float,
) -> None:
    level, now = Level(tokens=RATE.burst, at=START, learned=learned), START
    for call in todo:
        now += call.after
        level, _wait = take(level, RATE, now, call.cost, urgent=call.urgent)
    level, wait = take(level, RATE, now, cost, urgent=urgent)
    assume(wait > 0)
    assert wait <= RATE.burst / min(RATE.per_second, learned or RATE.per_second)
    # The clock's own grain: a double holds today's time to a quarter of a microsecond.
    assert take(level, RATE, now + wait + 1e-6, cost, urgent=urgent)[1] <= 1e-5


def test_a_clock_set_back_makes_nobody_wait_for_the_old_time() -> None:
    level, _ = take(Level(tokens=0, at=START), RATE, START - 3600)
    assert take(level, RATE, START - 3599)[1] == 0


def test_a_hold_moves_with_a_clock_set_back() -> None:
    level = held(Level(tokens=5, at=START), START, START + 10)
    assert refilled(level, RATE, START - 3600).held_until == START - 3600 + 10
    again = held(level, START - 3600, START - 3600 + 5)
    assert again.held_until == START - 3600 + 10


def test_a_refusal_is_no_change() -> None:
    level = Level(tokens=0, at=START)
    assert take(level, RATE, START + 0.1)[0] is level


@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="needs Redis")
@run
@given(
    st.sampled_from([RATE, PERMITTED]),
    calls,
    st.sampled_from([0.0, 0.5, 20.0]),
    st.floats(-1, 5),
)
def test_redis_and_python_calculate_the_same(
    rate: Rate,
    todo: list[Call],
    learned: float,
    hold: float,
) -> None:
    level = Level(tokens=rate.burst, at=START, held_until=START + hold, learned=learned)
    name, now = shared.redis_key("same"), START
    shared.client().set(name, shared._dumps(asdict(level)))
    for call in todo:
        now += call.after
        level, wait = take(level, rate, now, call.cost, urgent=call.urgent)
        theirs = _take_in_redis("same", rate, cost=call.cost, urgent=call.urgent, now=repr(now))
        assert theirs == wait
    kept = {**asdict(level), "recent": [list(one) for one in level.recent]}
    assert shared.read("same") == kept
