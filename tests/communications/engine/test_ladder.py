from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.policy import retry_policy
from communications.policy.retry_policy import (
    STEPS,
    Step,
    Then,
    next_provider,
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


def after(error: ProviderError, climbed: int = 0, **known: bool) -> Step:
    flags = {"idempotent": True, "repeated": False, **known}
    return retry_policy.after(error, climbed=climbed, jitter=lambda: 0.0, **flags)


def test_the_ladder_is_1_2_4_8_and_16_seconds() -> None:
    delays = [after(TRANSIENT, climbed).delay.total_seconds() for climbed in range(5)]

    assert delays == [1, 2, 4, 8, 16]


@given(st.integers(0, 4), st.floats(0, 1))
def test_jitter_adds_at_most_a_tenth(climbed: int, dice: float) -> None:
    step = retry_policy.after(TRANSIENT, climbed=climbed, idempotent=True, jitter=lambda: dice)

    assert STEPS[climbed] <= step.delay.total_seconds() <= STEPS[climbed] * 1.1 + 1e-6


@pytest.mark.parametrize(
    ("error", "then", "delay"),
    [
        (TRANSIENT, Then.RETRY, 1),
        (SILENT, Then.REPEAT, 1),
        (ANSWERED, Then.REPEAT, 1),
        (THROTTLED, Then.RETRY, 7),
        (PAUSED, Then.FAIL_OVER, 0),
        (ConfigurationRejected("unverified domain"), Then.FAIL_OVER, 0),
        (FINAL, Then.FAIL, 0),
        (InvalidRecipient("nobody there"), Then.FAIL, 0),
        (OptedOut("STOP"), Then.FAIL, 0),
    ],
)
def test_the_first_answer_decides(error: ProviderError, then: Then, delay: float) -> None:
    assert after(error) == Step(then, timedelta(seconds=delay))


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (TRANSIENT, Then.FAIL_OVER),
        # It answered every time, with the same key: it has not got it.
        (ANSWERED, Then.FAIL_OVER),
        (SILENT, Then.ASK),
        (THROTTLED, Then.RETRY),
        (PAUSED, Then.FAIL_OVER),
        (FINAL, Then.FAIL),
    ],
)
def test_at_the_top_of_the_ladder(error: ProviderError, then: Then) -> None:
    assert after(error, climbed=len(STEPS)).then is then


@pytest.mark.parametrize(
    ("error", "then", "delay"),
    [
        (TRANSIENT, Then.REPEAT, timedelta(seconds=1)),
        (SILENT, Then.REPEAT, timedelta(seconds=1)),
        (ANSWERED, Then.REPEAT, timedelta(seconds=1)),
        (THROTTLED, Then.REPEAT, PATIENCE),
        (PAUSED, Then.REPEAT, retry_policy.PAUSED),
        (FINAL, Then.FAIL, timedelta(0)),
    ],
)
def test_after_a_lost_answer_only_the_same_call_may_follow(
    error: ProviderError,
    then: Then,
    delay: timedelta,
) -> None:
    assert after(error, repeated=True) == Step(then, delay)


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (TRANSIENT, Then.ASK),
        (ANSWERED, Then.FAIL_OVER),
        (SILENT, Then.ASK),
        (THROTTLED, Then.REPEAT),
        (PAUSED, Then.REPEAT),
        (FINAL, Then.FAIL),
    ],
)
def test_at_the_top_of_the_ladder_after_a_lost_answer(error: ProviderError, then: Then) -> None:
    assert after(error, climbed=len(STEPS), repeated=True).then is then


@pytest.mark.parametrize("error", [SILENT, ANSWERED])
def test_a_lost_answer_of_a_provider_without_keys_is_only_asked_about(error: ProviderError) -> None:
    assert after(error, idempotent=False).then is Then.ASK


@given(st.sampled_from(EVERY_ERROR), st.integers(0, 10), st.booleans())
def test_a_call_that_may_have_been_carried_out_is_never_made_anew_in_silence(
    error: ProviderError,
    climbed: int,
    idempotent: bool,  # noqa: FBT001
) -> None:
    step = after(error, climbed, idempotent=idempotent, repeated=True)

    assert step.then is not Then.RETRY
    assert step.then is not Then.FAIL_OVER or error is ANSWERED
    assert step.then is not Then.REPEAT or idempotent


@given(st.sampled_from(EVERY_ERROR), st.integers(0, 10), st.booleans(), st.booleans())
def test_only_throttling_and_a_pause_outlast_the_ladder(
    error: ProviderError,
    climbed: int,
    idempotent: bool,  # noqa: FBT001
    repeated: bool,  # noqa: FBT001
) -> None:
    step = after(error, climbed, idempotent=idempotent, repeated=repeated)

    if climbed >= len(STEPS) and not isinstance(error, RateLimited | CredentialsRejected):
        assert step.then in {Then.FAIL_OVER, Then.ASK, Then.FAIL}
    if isinstance(error, PermanentError):
        assert step == Step(Then.FAIL)


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
