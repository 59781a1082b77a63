"""Turns by weight: whatever the flows are and whenever they come, each gets its part."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wedsync_comms.lib import fair_share
from wedsync_comms.lib.fair_share import FairQueue, FairShare

MANY = 10_000
weights = st.dictionaries(st.integers(0, 30), st.integers(1, 100), min_size=1, max_size=6)


def served(share: FairShare[str], waiting: dict[str, float], places: int) -> list[str]:
    """Serves so many places, one at a time, to flows that always have more."""
    turns = list[str]()
    for _ in range(places):
        share.enter(waiting)
        (flow,) = share.plan(dict.fromkeys(waiting, MANY), 1)
        share.serve([flow])
        turns.append(flow)
    return turns


@given(weights, st.integers(1, 200))
def test_each_flow_gets_its_part_and_is_at_most_one_turn_away_from_it(
    by_flow: dict[int, int], places: int
) -> None:
    share = FairShare[int]()
    share.enter(by_flow)
    counts = Counter(share.plan(dict.fromkeys(by_flow, MANY), places))
    # The difference between two flows, in turns by weight: what the paper proves.
    for one, weight in by_flow.items():
        for other, its_weight in by_flow.items():
            apart = counts[one] / weight - counts[other] / its_weight
            assert apart <= 1 / weight + 1 / its_weight + 1e-9


@given(
    weights,
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
)
def test_claims_of_any_size_give_the_parts_of_turns_one_by_one(
    by_flow: dict[int, int], claims: list[int]
) -> None:
    at_once, one_by_one = FairShare[int](), FairShare[int]()
    endless = dict.fromkeys(by_flow, MANY)
    taken, expected = list[int](), list[int]()
    for places in claims:
        at_once.enter(by_flow)
        turns = at_once.plan(endless, places)
        for flow in turns:
            at_once.serve([flow])
        taken += turns
        for _ in range(places):
            one_by_one.enter(by_flow)
            (flow,) = one_by_one.plan(endless, 1)
            one_by_one.serve([flow])
            expected.append(flow)
    assert Counter(taken) == Counter(expected)


@given(weights, st.data(), st.integers(0, 100))
def test_no_place_is_left_empty_while_somebody_could_fill_it(
    by_flow: dict[int, int], data: st.DataObject, places: int
) -> None:
    share = FairShare[int]()
    share.enter(by_flow)
    available = {flow: data.draw(st.integers(0, 20)) for flow in by_flow}
    counts = Counter(share.plan(available, places))
    assert counts.total() == min(places, sum(available.values()))
    assert all(counts[flow] <= count for flow, count in available.items())


@given(st.integers(1, 30), st.integers(0, 50))
def test_whoever_comes_new_is_next_however_many_wait(crowd: int, later: int) -> None:
    share = FairShare[str]()
    waiting = {f"flow {number}": 1.0 for number in range(crowd)}
    served(share, waiting, crowd + later)
    assert served(share, {**waiting, "newcomer": 1.0}, 1) == ["newcomer"]


def test_who_was_away_has_saved_nothing_up() -> None:
    share = FairShare[str]()
    served(share, {"a": 1.0, "b": 1.0}, 10)
    served(share, {"a": 1.0}, 100)
    turns = served(share, {"a": 1.0, "b": 1.0}, 10)
    assert Counter(turns) == {"a": 5, "b": 5}


def test_leaving_and_coming_back_gains_nothing() -> None:
    share = FairShare[str]()
    counts = Counter[str]()
    for _ in range(20):
        (turn,) = served(share, {"steady": 1.0, "restless": 1.0}, 1)
        counts[turn] += 1
        share.enter({"steady": 1.0})
    assert counts == {"steady": 10, "restless": 10}


def test_a_shared_service_costs_each_its_part() -> None:
    share = FairShare[str]()
    waiting = {"a": 1.0, "b": 1.0}
    share.enter(waiting)
    # Nine of ten parts are a's, so b has eight more to come.
    share.serve([*"aaaaaaaaa", "b"], cost=10)
    assert served(share, waiting, 8) == ["b"] * 8


def test_what_a_flow_could_not_use_is_not_caught_up_on() -> None:
    share = FairShare[str]()
    waiting = {"a": 1.0, "stuck": 1.0}
    for _ in range(50):
        share.enter(waiting)
        share.serve(["a"])
    assert Counter(served(share, waiting, 10))["a"] >= 4


def test_a_service_for_nobody_moves_nothing() -> None:
    share = FairShare[str]()
    share.serve([])
    assert (share.virtual_time, share.turns_taken) == (0.0, 0)


def test_who_left_long_ago_is_forgotten() -> None:
    share = FairShare[str]()
    served(share, {"a": 1.0, "b": 1.0}, 2)
    served(share, {"a": 1.0}, 5)
    assert set(share.standings) == {"a"}


@given(weights, st.integers(1, 30))
def test_a_queue_serves_what_came_in_turns_by_weight(by_flow: dict[int, int], served: int) -> None:
    queue = FairQueue[int, tuple[int, int]]()
    for flow, weight in by_flow.items():
        for number in range(40):
            queue.put(flow, (flow, number), weight)
    taken = [queue.get() for _ in range(served)]
    for flow in by_flow:
        mine = [number for owner, number in taken if owner == flow]
        assert mine == list(range(len(mine)))
    counts = Counter(flow for flow, _ in taken)
    for one, weight in by_flow.items():
        for other, its_weight in by_flow.items():
            apart = counts[one] / weight - counts[other] / its_weight
            assert apart <= 1 / weight + 1 / its_weight + 1e-9


@given(st.integers(0, 29))
def test_what_comes_new_into_a_queue_is_next(before: int) -> None:
    queue = FairQueue[str, str]()
    for _ in range(30):
        queue.put("a", "a")
    for _ in range(before):
        queue.get()
    queue.put("newcomer", "newcomer")
    assert "newcomer" in [queue.get(), queue.get() if queue else ""]


def test_a_queue_that_is_empty_again_remembers_nobody() -> None:
    queue = FairQueue[str, str]()
    queue.put("a", "first")
    queue.put("a", "second")
    assert [queue.get(), queue.get()] == ["first", "second"]
    assert (len(queue), queue.next_starts) == (0, {})


def test_flows_that_come_once_and_go_are_not_remembered_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fair_share, "REMEMBERED", 10)
    share = FairShare[int]()
    for flow in range(30):
        share.enter({flow: 1.0, -1: 1.0})
        share.serve([flow], cost=1.0 + (flow == 7))
    share.enter({-1: 1.0})
    assert len(share.standings) == 11
    assert 7 in share.standings
