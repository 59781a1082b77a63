"""The breaker's transitions as arithmetic, with a clock of our own."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from wedsync_comms.lib.breaker import (
    CLOSED,
    POLICY,
    QUOTA,
    UNREACHABLE,
    Circuit,
    _circuit,
    _stored,
    allowed,
    closed_off,
    due,
    on_trial,
    paused,
    reconnected,
    recorded,
)

NOW = 1_700_000_000.0
FAILED, FINE = False, True


def after(
    outcomes: Iterable[tuple[str, bool]],
    circuit: Circuit = CLOSED,
    now: float = NOW,
) -> Circuit:
    return recorded(circuit, now, policy=POLICY, outcomes=list(outcomes))[0]


def many(number: int, ok: bool) -> list[tuple[str, bool]]:  # noqa: FBT001  # reads well above
    return [(f"{ok}-{index}", ok) for index in range(number)]


def trial(circuit: Circuit, now: float, subject: str = "") -> Circuit:
    circuit, granted = allowed(circuit, now, policy=POLICY, subject=subject)
    assert granted
    return circuit


def is_open(circuit: Circuit) -> bool:
    return bool(circuit.opened_at)


OPEN = after(many(10, FAILED))


def test_ten_failures_of_ten_messages_open_it() -> None:
    assert not is_open(after(many(9, FAILED)))
    assert is_open(after(many(10, FAILED)))


def test_one_unlucky_message_never_opens_it() -> None:
    assert not is_open(after([("unlucky", FAILED)] * 200))


def test_one_unlucky_message_never_outvotes_a_few_good_ones() -> None:
    assert not is_open(after([*many(4, FINE), *[("unlucky", FAILED)] * 6]))


def test_failures_of_five_messages_are_enough() -> None:
    assert not is_open(after(many(4, FAILED) * 5))
    assert is_open(after(many(5, FAILED) * 2))


def test_half_of_the_attempts_failing_is_not_most() -> None:
    assert not is_open(after([*many(10, FAILED), *many(10, FINE)]))
    assert is_open(after([*many(11, FAILED), *many(10, FINE)]))


def test_failures_long_ago_do_not_count() -> None:
    before = after(many(9, FAILED))
    assert is_open(after(many(1, FAILED), before, NOW + 59))
    assert not is_open(after(many(1, FAILED), before, NOW + 61))


def test_the_window_forgets_what_a_clock_set_back_calls_the_future() -> None:
    circuit = after(many(1, FAILED), after(many(9, FAILED)), NOW - 3600)
    assert len(circuit.outcomes) == 1


def test_the_window_is_bounded() -> None:
    assert len(after(many(1000, FINE)).outcomes) == POLICY.remembered


def test_what_began_before_it_opened_says_nothing() -> None:
    assert after(many(50, FAILED), OPEN, NOW + 1) == OPEN
    assert after(many(50, FINE), OPEN, NOW + 1) == OPEN


def test_the_first_trial_comes_after_fifteen_seconds() -> None:
    assert not due(OPEN, NOW + 14.9, POLICY)
    assert due(OPEN, NOW + 15, POLICY)


def test_the_cool_down_doubles_with_each_failed_trial_up_to_five_minutes() -> None:
    circuit, now, waits = OPEN, NOW, []
    for _ in range(7):
        waits.append(circuit.retry_at - now)
        now = circuit.retry_at
        circuit = after([("trial", FAILED)], trial(circuit, now), now)
    assert waits == [15, 30, 60, 120, 240, 300, 300]


def test_a_trial_without_outcome_goes_to_the_next_caller_after_its_timeout() -> None:
    circuit = trial(OPEN, NOW + 15)
    assert on_trial(circuit, NOW + 74, POLICY)
    assert not allowed(circuit, NOW + 74, policy=POLICY)[1]
    again = trial(circuit, NOW + 76)
    assert again.failed_trials == 0


def test_a_named_trial_is_decided_by_its_own_outcome_only() -> None:
    circuit = trial(OPEN, NOW + 15, subject="mine")
    assert after(many(20, FAILED), circuit, NOW + 16) == circuit
    assert not is_open(after([*many(20, FAILED), ("mine", FINE)], circuit, NOW + 16))


@pytest.mark.parametrize(("failures", "open_again"), [(2, False), (3, True)])
def test_a_trial_of_a_whole_batch_fails_when_most_of_it_does(
    failures: int,
    open_again: bool,  # noqa: FBT001  # a parameter
) -> None:
    outcomes = [*many(failures, FAILED), *many(4 - failures, FINE)]
    assert is_open(after(outcomes, trial(OPEN, NOW + 15), NOW + 16)) is open_again


def test_an_allowed_call_of_a_closed_breaker_changes_nothing() -> None:
    assert allowed(CLOSED, NOW, policy=POLICY) == (CLOSED, True)


def test_an_open_breaker_that_is_paused_stays_open_since_then() -> None:
    circuit, _ = paused(OPEN, NOW + 5, policy=POLICY, reason="key")
    assert (circuit.opened_at, circuit.paused) == (NOW, True)


def test_a_paused_provider_is_tried_every_minute() -> None:
    circuit, _ = paused(CLOSED, NOW, policy=POLICY, reason="key")
    assert not allowed(circuit, NOW + 59, policy=POLICY)[1]
    again = after([("trial", FAILED)], trial(circuit, NOW + 60), NOW + 61)
    assert again.retry_at == NOW + 121
    assert again.paused


def test_a_clock_set_back_prolongs_neither_cool_down_nor_trial() -> None:
    yesterday = NOW - 86_400
    circuit = trial(OPEN, yesterday)
    assert not on_trial(trial(OPEN, NOW + 15), yesterday, POLICY)
    assert on_trial(circuit, yesterday + 1, POLICY)


# --- quotas -------------------------------------------------------------------------------------


def test_a_used_up_quota_is_left_alone_for_as_long_as_the_provider_says() -> None:
    day = timedelta(days=1)
    circuit, _ = paused(CLOSED, NOW, policy=POLICY, reason="Daily quota.", cause=QUOTA, lasts=day)
    assert not due(circuit, NOW + day.total_seconds() - 1, POLICY)
    assert due(circuit, NOW + day.total_seconds(), POLICY)
    # The clock was set back to before it began.
    assert due(circuit, NOW - 1, POLICY)
    tried = trial(circuit, NOW + day.total_seconds())
    assert after([("mail", FINE)], tried, NOW + day.total_seconds()) == CLOSED


def test_processes_of_an_earlier_release_can_read_what_has_no_cause() -> None:
    assert "cause" not in _stored(OPEN)
    circuit, _ = paused(CLOSED, NOW, policy=POLICY, reason="Quota.", cause=QUOTA)
    assert _stored(circuit)["cause"] == QUOTA
    assert _circuit(_stored(circuit)) == circuit


def off(circuit: Circuit, now: float = NOW, since: float = NOW) -> tuple[Circuit, bool]:
    return closed_off(circuit, now, policy=POLICY, reason="No name.", since=since)


def test_what_is_not_reached_is_open_without_trials_until_it_is_reached() -> None:
    circuit, is_news = off(CLOSED, since=NOW - 3)
    assert is_news
    assert (circuit.opened_at, circuit.cause) == (NOW - 3, UNREACHABLE)
    assert not due(circuit, NOW + 86_400, POLICY)
    assert not allowed(circuit, NOW + 86_400, policy=POLICY)[1]
    assert after(many(20, FINE), circuit) == circuit
    assert reconnected(circuit, NOW) == (CLOSED, True)


def test_that_it_is_still_not_reached_is_no_news() -> None:
    circuit, _ = off(CLOSED, since=NOW - 3)
    again, is_news = closed_off(circuit, NOW + 9, policy=POLICY, reason="No trust.", since=NOW)
    assert (again.opened_at, again.reason, is_news) == (NOW - 3, "No trust.", False)


def test_one_that_is_open_for_another_reason_keeps_it() -> None:
    assert off(OPEN) == (OPEN, False)
    assert reconnected(OPEN, NOW) == (OPEN, False)
    held, _ = paused(CLOSED, NOW, policy=POLICY, reason="Invoice.", hold=True)
    assert off(held) == (held, False)


def test_a_trial_that_could_not_be_made_has_failed() -> None:
    circuit, is_news = off(trial(OPEN, NOW + 15), NOW + 16)
    assert not is_news
    assert circuit.retry_at - (NOW + 16) == 30


def test_processes_of_an_earlier_release_try_it_by_themselves() -> None:
    circuit, _ = off(CLOSED)
    assert circuit.retry_at == NOW + 15
    assert _circuit(_stored(circuit)) == circuit
