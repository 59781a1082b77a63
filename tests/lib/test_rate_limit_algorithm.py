"""The rate limit as arithmetic: whatever the clock and the callers do."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from wedsync_comms.lib.rate_limit import algorithm
from wedsync_comms.lib.rate_limit.algorithm import (
    UTILISATION_TARGET,
    BucketState,
    Rate,
    acquire_now,
    at_time,
    hold_until,
    reserve_slots,
    time_to_next_slot,
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
    state, now = BucketState(learned=learned), START
    surplus = 0.0  # the largest of (taken - flowed in) over all windows that end here
    for call in todo:
        now += call.after
        surplus = max(0.0, surplus - max(0.0, call.after) * (learned or RATE.per_second))
        for _ in range(call.count):
            state, wait = acquire_now(state, RATE, now)
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
    rate = Rate.below(permitted)
    state, now = BucketState(learned=learned), START
    slots: list[float] = []
    for after, count in todo:
        now += after
        state, waits = reserve_slots(state, rate, now, count)
        slots += [now + wait for wait in waits]
    assert slots == sorted(slots)
    for number, slot in enumerate(slots):
        within = [later for later in slots[number:] if later < slot + 1 - 1e-6]
        assert len(within) <= (learned or permitted)


def test_who_reserves_whatever_there_is_gets_the_target_of_it_from_the_first_second_on() -> None:
    rate = Rate.below(20)
    _, waits = reserve_slots(BucketState(), rate, START, 60 * 20)
    used = len([wait for wait in waits if wait < 60]) / (60 * 20)
    assert used == pytest.approx(UTILISATION_TARGET, abs=0.01)


@run
@given(calls, learned_rates)
def test_whoever_waits_as_told_gets_it(todo: list[Call], learned: float) -> None:
    state, now = BucketState(learned=learned), START
    for call in todo:
        now += call.after
        for _ in range(call.count):
            state, _wait = acquire_now(state, RATE, now)
    state, wait = acquire_now(state, RATE, now)
    assume(wait > 0)
    assert wait <= RATE.burst / min(RATE.per_second, learned or RATE.per_second)
    # The clock's own grain: a double holds today's time to a quarter of a microsecond.
    assert acquire_now(state, RATE, now + wait + 1e-6)[1] <= 1e-5


def test_a_clock_set_back_makes_nobody_wait_for_the_old_time() -> None:
    state, _ = reserve_slots(BucketState(), RATE, START, int(RATE.burst))
    state, wait = acquire_now(state, RATE, START - 3600)
    assert 0 < wait < 1
    assert acquire_now(state, RATE, START - 3599)[1] == 0


def test_a_clock_set_back_moves_what_is_reserved_with_it() -> None:
    state, _ = reserve_slots(BucketState(), RATE, START, 100)
    before = time_to_next_slot(state, RATE, START)[1]
    state, wait = time_to_next_slot(state, RATE, START - 3600)
    assert wait == pytest.approx(before)
    assert time_to_next_slot(state, RATE, START - 3600 + wait)[1] <= 1e-5


def test_a_hold_moves_with_a_clock_set_back() -> None:
    state = hold_until(BucketState(), RATE, START, START + 10)
    assert at_time(state, START - 3600).held_until == START - 3600 + 10
    again = hold_until(state, RATE, START - 3600, START - 3600 + 5)
    assert again.held_until == START - 3600 + 10


@run
@given(st.floats(0.1, 30), st.integers(1, 50), st.integers(1, 50))
def test_nobody_leaves_during_a_hold_nor_all_at_once_after_it(
    seconds: float,
    before: int,
    after: int,
) -> None:
    rate = Rate.below(10)
    state, _ = reserve_slots(BucketState(), rate, START, before)
    paused = hold_until(state, rate, START, START + seconds)
    state, waits = reserve_slots(paused, rate, START + seconds / 2, after)
    slots = [seconds / 2 + wait for wait in waits]
    assert slots[0] >= seconds - 1e-6
    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert all(gap >= 1 / rate.per_second - 1e-6 for gap in gaps)


@run
@given(
    st.lists(st.floats(0.0, 3.0), min_size=1, max_size=4), st.integers(1, 200), st.integers(1, 50)
)
def test_what_was_reserved_for_after_a_hold_is_not_reserved_again(
    holds: list[float],
    before: int,
    after: int,
) -> None:
    rate = Rate.below(100)
    state, reserved = reserve_slots(BucketState(), rate, START, before)
    until = 0.0
    for number, seconds in enumerate(holds):
        until = max(until, number * 0.1 + seconds)
        state = hold_until(state, rate, START + number * 0.1, START + number * 0.1 + seconds)
    now = 0.1 * len(holds)
    _, waits = reserve_slots(state, rate, START + now, after)
    later = [delay for delay in reserved if delay >= until]
    gap = 1 / rate.per_second - 1e-6
    assert all(now + wait >= max(later, default=0.0) + gap for wait in waits)


def test_a_refusal_is_no_change() -> None:
    state, _ = reserve_slots(BucketState(), RATE, START, int(RATE.burst))
    assert acquire_now(state, RATE, START + 0.1)[0] is state
    assert time_to_next_slot(state, RATE, START + 0.1)[0] is state


@run
@given(st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 40)), min_size=1, max_size=40))
def test_nobody_starves(todo: list[tuple[float, int]]) -> None:
    rate = Rate.below(100)
    state, now, taken = BucketState(), START, 0
    for after, count in todo:
        now += after
        before = time_to_next_slot(state, rate, now)[1]
        state, waits = reserve_slots(state, rate, now, count)
        # The next one is there as soon as all that was taken so far may have left.
        # Each addition rounds by a quarter of a microsecond: a double holds today's time no finer.
        assert waits[0] == before <= taken / rate.per_second + 1e-6 * (1 + taken)
        taken += count


@run
@given(
    st.integers(20, 100),
    st.lists(st.floats(0, 0.045), min_size=1, max_size=300),
)
def test_requests_a_little_late_still_keep_within_what_is_permitted(
    permitted: int,
    delays: list[float],
) -> None:
    rate = Rate.below(permitted)
    _, waits = reserve_slots(BucketState(), rate, START, len(delays))
    arrivals = sorted(wait + delay for wait, delay in zip(waits, delays, strict=True))
    for first, one_too_many in zip(arrivals, arrivals[permitted:], strict=False):
        assert one_too_many - first >= 1 - 1e-6


# --- what refusals teach --------------------------------------------------------------------------


def test_a_refusal_lowers_the_rate_once_a_second() -> None:
    state = algorithm.lower(BucketState(), RATE, START)
    assert algorithm.effective_rate(state, RATE) == pytest.approx(0.7 * RATE.per_second)
    assert algorithm.lower(state, RATE, START + 0.9).found == state.found
    again = algorithm.lower(state, RATE, START + 1.1)
    assert algorithm.effective_rate(again, RATE) == pytest.approx(0.49 * RATE.per_second)


@given(st.lists(st.sampled_from(["lower", "rise"]), max_size=60), learned_rates)
def test_what_was_found_out_never_exceeds_what_is_said(moves: list[str], learned: float) -> None:
    state, now = BucketState(learned=learned), START
    said = algorithm.said_rate(state, RATE)
    for move in moves:
        now += 1.5
        before = algorithm.permitted_rate(state, RATE)
        state = getattr(algorithm, move)(state, RATE, now)
        after = algorithm.permitted_rate(state, RATE)
        assert 0.01 * said * 0.999 <= after <= said
        assert after <= before if move == "lower" else after >= before


def test_it_takes_minutes_at_full_use_to_have_it_all_again() -> None:
    state, now = algorithm.lower(BucketState(), RATE, START), START
    while state.found and now < START + 1000:
        now += 1.0 / algorithm.effective_rate(state, RATE)
        state = algorithm.rise(state, RATE, now)
    assert 100 < now - START < 200


def test_nothing_rises_that_was_not_lowered() -> None:
    assert algorithm.rise(BucketState(), RATE, START) == BucketState()


def test_the_word_of_the_provider_is_taken_below_what_was_found_out() -> None:
    state = replace(algorithm.lower(BucketState(), RATE, START), learned=0.5)
    assert algorithm.permitted_rate(state, RATE) == 0.5
