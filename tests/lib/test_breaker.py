import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.lib.concurrent_workers import POLICY
from tests.lib.conftest import StartWorkers
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.breaker import Breaker, BreakerPolicy, BreakerState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("backend")]

OUTAGE = [(f"message-{number}", False) for number in range(10)]
SLOW = BreakerPolicy(cool_down=timedelta(minutes=1))


def half_open(name: str) -> Breaker:
    breaker = Breaker(name, policy=POLICY)
    breaker.record(OUTAGE)
    return breaker


def test_a_new_breaker_is_closed() -> None:
    breaker = Breaker("resend")
    assert breaker.allow()
    assert breaker.state() == BreakerState("closed")


def test_an_outage_opens_it_for_everybody() -> None:
    assert Breaker("resend", policy=SLOW).record(OUTAGE) == "open"
    breaker = Breaker("resend", policy=SLOW)
    assert not breaker.allow()
    state = breaker.state()
    assert (state.state, state.paused) == ("open", False)
    assert state.reason == "10 of the last 10 attempts failed"
    assert state.opened_at
    assert state.retry_at == state.opened_at + SLOW.cool_down
    assert abs(datetime.now(UTC) - state.opened_at) < timedelta(seconds=10)


def test_it_opens_when_the_outcomes_come_one_by_one() -> None:
    breaker = Breaker("resend", policy=SLOW)
    assert [breaker.record([outcome]) for outcome in OUTAGE] == [None] * 9 + ["open"]


def test_breakers_do_not_touch_each_other() -> None:
    Breaker("resend", policy=SLOW).record(OUTAGE)
    assert Breaker("twilio", policy=SLOW).allow()


def test_nothing_recorded_is_nothing_done() -> None:
    assert Breaker("resend").record([]) is None
    assert shared_state.read_state("breaker:resend") is None


def test_only_one_caller_gets_the_trial() -> None:
    breaker = half_open("resend")
    assert breaker.state().state == "half-open"
    assert [breaker.allow() for _ in range(3)] == [True, False, False]


def test_a_good_trial_closes_it_with_a_clean_slate() -> None:
    breaker = half_open("resend")
    assert breaker.allow("message-11")
    assert breaker.record([("message-11", True)]) == "closed"
    assert breaker.record(OUTAGE[:9]) is None
    assert breaker.state().state == "closed"


def test_a_failed_trial_opens_it_again() -> None:
    breaker = half_open("resend")
    assert breaker.allow()
    assert breaker.record([("message-11", False)]) == "open"


def test_a_pause_holds_until_it_is_resumed() -> None:
    breaker = Breaker("resend")
    breaker.pause("the key was rejected")
    state = breaker.state()
    assert (state.state, state.paused, state.reason) == ("open", True, "the key was rejected")
    assert not breaker.allow()
    breaker.resume()
    assert breaker.allow()
    assert breaker.state() == BreakerState("closed")


def test_a_paused_provider_heals_by_itself_when_a_rare_trial_succeeds() -> None:
    breaker = Breaker("resend", policy=BreakerPolicy(paused_cool_down=timedelta(0)))
    breaker.pause("the key was rejected")
    assert breaker.allow()
    assert breaker.record([("message-1", True)]) == "closed"


def test_of_many_processes_exactly_one_gets_the_trial(concurrent_workers: StartWorkers) -> None:
    half_open("shared")
    assert sorted(concurrent_workers("allow", 8, "shared").answer()) == [False] * 7 + [True]


def test_a_killed_trial_holder_blocks_nobody_for_long(concurrent_workers: StartWorkers) -> None:
    breaker = half_open("shared")
    holder = concurrent_workers("hold_a_trial", 1, "shared")
    assert holder.answer() is True
    held_at = time.monotonic()
    holder.process.kill()
    assert not breaker.allow()
    while not breaker.allow():
        time.sleep(0.05)
    assert 1 < time.monotonic() - held_at < 10
    assert not breaker.allow()
