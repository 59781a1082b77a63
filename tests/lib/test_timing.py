"""What can be known of times elsewhere."""

import time
from random import Random

import pytest

from wedsync_comms.lib.rate_limit.algorithm import KEPT
from wedsync_comms.lib.rate_limit.latency import (
    FEW,
    HELD_UP,
    KNOWN,
    Clock,
    Journeys,
)


def test_an_answer_as_usual_leaves_no_doubt_when_its_request_arrived() -> None:
    journeys = Journeys()
    doubts = [journeys.doubt(0.2) for _ in range(50)]
    assert doubts[FEW:] == [0.0] * (50 - FEW)
    assert journeys.doubt(0.25) == pytest.approx(0.05)


def test_the_first_answers_may_all_have_been_held_up() -> None:
    journeys = Journeys()
    assert [journeys.doubt(took) for took in (0.02, 0.05, 3.0)] == [0.02, 0.05, HELD_UP]


def test_a_provider_whose_answers_vary_still_gets_nearly_all_it_permits() -> None:
    journeys, dice = Journeys(), Random(7)  # noqa: S311  # not a secret
    doubts = [journeys.doubt(dice.uniform(0.05, 0.4)) for _ in range(2 * KNOWN)]
    assert sum(doubts[KNOWN:]) / KNOWN < KEPT + 0.04 * HELD_UP


def test_a_late_answer_to_what_time_it_is_changes_nothing() -> None:
    clock = Clock()
    before = time.monotonic()
    start = clock.here(1000.0)
    assert before <= start <= time.monotonic()
    time.sleep(0.2)
    # Learned at once, and learned after a fifth of a second.
    assert clock.here(1000.2) == pytest.approx(start + 0.2, abs=0.02)
    assert clock.here(1000.0) == pytest.approx(start, abs=0.02)


def test_a_clock_that_was_set_back_is_believed() -> None:
    clock = Clock()
    clock.here(1000.0)
    before = time.monotonic()
    assert before <= clock.here(900.0) <= time.monotonic()
