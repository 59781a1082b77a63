from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.policy import retry_policy
from communications.policy.provider_selection import next_provider
from communications.policy.retry_policy import (
    BACKOFF,
    Action,
    Decision,
    Detour,
    decide_after,
)
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OptedOut,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    ServerFailed,
    TransientError,
)

TRANSIENT = TransientError("no connection")
SILENT = OutcomeUnknown("no answer")
ANSWERED = ServerFailed("internal server error")
THROTTLED = RateLimited("slow down", retry_after=timedelta(seconds=7))
PAUSED = CredentialsRejected("bad key")
FINAL = ContentRejected("bad text")
EVERY_ERROR = [TRANSIENT, SILENT, ANSWERED, THROTTLED, PAUSED, FINAL]
PATIENCE = timedelta(seconds=7)


def after(error: ProviderError, retries_used: int = 0, **known: Any) -> Decision:
    flags: dict[str, Any] = {"idempotent": True, "repeated": False, **known}
    return decide_after(error, retries_used=retries_used, jitter=lambda: 0.0, **flags)


def test_the_backoff_is_1_2_4_8_and_16_seconds() -> None:
    delays = [after(TRANSIENT, retries).delay.total_seconds() for retries in range(5)]

    assert delays == [1, 2, 4, 8, 16]


@given(st.integers(0, 4), st.floats(0, 1))
def test_jitter_adds_at_most_a_tenth(retries: int, dice: float) -> None:
    decision = decide_after(TRANSIENT, retries_used=retries, idempotent=True, jitter=lambda: dice)

    rounding = timedelta(microseconds=1)
    assert BACKOFF[retries] <= decision.delay <= BACKOFF[retries] * 1.1 + rounding


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (TRANSIENT, Action.RETRY, 1),
        (SILENT, Action.REPEAT, 1),
        (ANSWERED, Action.REPEAT, 1),
        (THROTTLED, Action.RETRY, 7),
        (PAUSED, Action.FAIL_OVER, 0),
        (ConfigurationRejected("unverified domain"), Action.FAIL_OVER, 0),
        (FINAL, Action.FAIL, 0),
        (InvalidRecipient("nobody there"), Action.FAIL, 0),
        (OptedOut("STOP"), Action.FAIL, 0),
    ],
)
def test_the_first_answer_decides(error: ProviderError, action: Action, delay: float) -> None:
    assert after(error) == Decision(action, timedelta(seconds=delay))


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (TRANSIENT, Action.FAIL_OVER),
        # A first failure of its own: whether it was carried out, a second call tells.
        (ANSWERED, Action.REPEAT),
        (SILENT, Action.ASK),
        (THROTTLED, Action.RETRY),
        (PAUSED, Action.FAIL_OVER),
        (FINAL, Action.FAIL),
    ],
)
def test_after_the_last_retry(error: ProviderError, action: Action) -> None:
    assert after(error, retries_used=len(BACKOFF)).action is action


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (TRANSIENT, Action.REPEAT, timedelta(seconds=1)),
        (SILENT, Action.REPEAT, timedelta(seconds=1)),
        (ANSWERED, Action.REPEAT, timedelta(seconds=1)),
        (THROTTLED, Action.REPEAT, PATIENCE),
        (PAUSED, Action.REPEAT, retry_policy.PAUSED_DELAY),
        (FINAL, Action.FAIL, timedelta(0)),
    ],
)
def test_after_a_lost_answer_only_the_same_call_may_follow(
    error: ProviderError,
    action: Action,
    delay: timedelta,
) -> None:
    assert after(error, repeated=True) == Decision(action, delay)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (TRANSIENT, Action.ASK),
        # It answered once, with the same key; what it was silent about may still arrive.
        (ANSWERED, Action.ASK),
        (SILENT, Action.ASK),
        (THROTTLED, Action.REPEAT),
        (PAUSED, Action.REPEAT),
        (FINAL, Action.FAIL),
    ],
)
def test_after_the_last_retry_after_a_lost_answer(error: ProviderError, action: Action) -> None:
    assert after(error, retries_used=len(BACKOFF), repeated=True).action is action


@pytest.mark.parametrize("error", [SILENT, ANSWERED])
def test_a_lost_answer_of_a_provider_without_keys_is_only_asked_about(error: ProviderError) -> None:
    assert after(error, idempotent=False).action is Action.ASK


@given(st.sampled_from(EVERY_ERROR), st.integers(0, 10), st.booleans())
def test_a_call_that_may_have_been_carried_out_is_never_made_anew_in_silence(
    error: ProviderError,
    retries: int,
    idempotent: bool,  # noqa: FBT001
) -> None:
    decision = after(error, retries, idempotent=idempotent, repeated=True)

    assert decision.action not in {Action.RETRY, Action.FAIL_OVER}
    assert decision.action is not Action.REPEAT or idempotent


@given(st.sampled_from(EVERY_ERROR), st.integers(0, 10), st.booleans(), st.booleans())
def test_only_throttling_and_a_pause_outlast_the_retries(
    error: ProviderError,
    retries: int,
    idempotent: bool,  # noqa: FBT001
    repeated: bool,  # noqa: FBT001
) -> None:
    decision = after(error, retries, idempotent=idempotent, repeated=repeated)

    asked_once_more = error is ANSWERED and not repeated
    if retries >= len(BACKOFF) and not (
        isinstance(error, RateLimited | CredentialsRejected) or asked_once_more
    ):
        assert decision.action in {Action.FAIL_OVER, Action.ASK, Action.FAIL}
    if isinstance(error, PermanentError):
        assert decision == Decision(Action.FAIL)


# --- where another provider is open -------------------------------------------------------------

FRESH, TRIED = Detour(is_open=True, is_fresh=True), Detour(is_open=True)
PAIR = RateLimited("slow down", retry_after=timedelta(seconds=6), for_recipient=True)


@pytest.mark.parametrize("error", [TRANSIENT, THROTTLED, PAUSED])
def test_what_surely_did_not_leave_asks_the_next_at_once(error: ProviderError) -> None:
    assert after(error, detour=FRESH) == Decision(Action.FAIL_OVER)


@pytest.mark.parametrize(("urgent", "within"), [(False, 5), (True, 1)])
@pytest.mark.parametrize("retries", range(5))
def test_a_failure_is_asked_about_soon_and_the_second_opens_the_other_way(
    retries: int,
    urgent: bool,  # noqa: FBT001
    within: float,
) -> None:
    first = after(ANSWERED, retries, detour=FRESH, urgent=urgent)
    assert first.action is Action.REPEAT
    assert first.delay.total_seconds() * 1.1 < within
    second = after(
        ANSWERED, retries, detour=FRESH, urgent=urgent, repeated=True, failed_before=True
    )
    assert second == Decision(Action.FAIL_OVER)


def test_silence_is_no_failure() -> None:
    for failed_before in (False, True):
        decision = after(SILENT, 1, detour=FRESH, repeated=True, failed_before=failed_before)
        assert decision.action is Action.REPEAT
    assert after(ANSWERED, 1, detour=FRESH, repeated=True).action is Action.REPEAT


@pytest.mark.parametrize("error", [SILENT, ANSWERED])
def test_what_may_have_left_without_a_key_is_not_sent_another_way(error: ProviderError) -> None:
    assert after(error, idempotent=False, detour=FRESH).action is Action.ASK


def test_a_provider_that_was_tried_has_its_turn_after_a_pause() -> None:
    assert after(TRANSIENT, 1, detour=TRIED) == Decision(Action.FAIL_OVER, timedelta(seconds=2))
    assert after(TRANSIENT, 5, detour=TRIED) == Decision(Action.FAIL_OVER)


def test_a_limit_for_one_recipient_is_waited_for() -> None:
    assert after(PAIR, detour=FRESH) == Decision(Action.RETRY, timedelta(seconds=6))


@given(
    st.sampled_from(EVERY_ERROR),
    st.integers(0, 10),
    st.booleans(),
    st.booleans(),
    st.sampled_from([FRESH, TRIED, Detour()]),
)
def test_another_provider_gets_nothing_that_may_have_been_carried_out(
    error: ProviderError,
    retries: int,
    repeated: bool,  # noqa: FBT001
    failed_before: bool,  # noqa: FBT001
    detour: Detour,
) -> None:
    decision = after(error, retries, repeated=repeated, failed_before=failed_before, detour=detour)
    at_risk = repeated or isinstance(error, OutcomeUnknown)
    if at_risk and decision.action in {Action.FAIL_OVER, Action.RETRY}:
        assert error is ANSWERED
        assert failed_before


@pytest.mark.parametrize(
    ("used_up", "usable", "chosen"),
    [
        ([], ["a", "b"], "a"),
        ([], ["b"], "b"),
        (["a"], ["a", "b"], "b"),
        # The one that is left is closed: wait for it.
        (["a"], ["a"], ""),
        ([], [], ""),
        (["a", "b"], ["a", "b"], None),
    ],
)
def test_the_next_provider(used_up: list[str], usable: list[str], chosen: str | None) -> None:
    assert next_provider(["a", "b"], used_up=used_up, usable=usable) == chosen


def test_an_empty_route_is_exhausted() -> None:
    assert next_provider([], used_up=[], usable=["a"]) is None
