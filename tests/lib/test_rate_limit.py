import math
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from pytest_django import Settings

from tests.lib.concurrent_workers import RATE
from tests.lib.conftest import StartWorkers
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.rate_limit.limiter import TokenBucket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("backend")]

# Slow enough that nothing flows in while a test runs.
SLOW = Rate(per_second=0.01, burst=5)
# Seconds that pass between two lines, on a machine that is busy with other things too.
NEAR = 3


def taken(bucket: TokenBucket) -> int:
    """How many can be taken at once."""
    number = 0
    while bucket.acquire() == 0:
        number += 1
    return number


def gaps(slots: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(slots)]


@pytest.mark.parametrize("rate", [(0, 5), (-1, 5), (math.inf, 5), (math.nan, 5), (1, 0), (1, 0.5)])
def test_a_senseless_rate_is_refused(rate: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be a positive number, burst at least 1"):
        Rate(*rate)


def test_a_full_bucket_gives_its_burst_and_then_a_waiting_time() -> None:
    bucket = TokenBucket("resend", Rate(per_second=0.1, burst=3))
    assert taken(bucket) == 3
    assert bucket.acquire() == pytest.approx(10, abs=NEAR)


def test_waiting_as_long_as_told_is_enough() -> None:
    bucket = TokenBucket("resend", Rate(per_second=1, burst=1))
    assert bucket.acquire() == 0
    wait = bucket.acquire()
    assert 0 < wait <= 1
    time.sleep(wait)
    assert bucket.acquire() == 0


def test_slots_ahead_of_time_are_evenly_spaced() -> None:
    bucket, before = TokenBucket("resend", Rate(per_second=20, burst=1)), time.monotonic()
    slots = bucket.reserve(4)
    assert before <= slots[0] <= time.monotonic()
    assert gaps(slots) == pytest.approx([0.05] * 3)


def test_nobody_takes_what_is_reserved() -> None:
    bucket = TokenBucket("resend", Rate(per_second=0.1, burst=1))
    bucket.reserve(3)
    assert bucket.time_to_next_slot() == pytest.approx(30, abs=NEAR)
    assert bucket.acquire() == pytest.approx(30, abs=NEAR)


def test_a_snapshot_tells_how_much_of_the_rate_is_used_lately() -> None:
    bucket = TokenBucket("resend", Rate(per_second=100, burst=100))
    for _ in range(50):
        bucket.acquire()
    assert bucket.snapshot().used == pytest.approx(5, rel=0.2)


def test_asking_when_the_next_slot_comes_takes_nothing() -> None:
    bucket = TokenBucket("resend", SLOW)
    assert [bucket.time_to_next_slot() for _ in range(10)] == [0] * 10


def test_who_waits_gets_the_next_slot_if_it_is_near() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    began = time.monotonic()
    assert (bucket.wait_for_slot(), bucket.wait_for_slot()) == (True, True)
    assert time.monotonic() - began >= 0.09
    bucket.reserve(10)
    assert not bucket.wait_for_slot()


def test_what_was_reserved_for_while_the_provider_wants_to_be_left_alone_is_no_debt() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    bucket.reserve(5)
    bucket.hold(10.0)
    assert 10 - NEAR < bucket.time_to_next_slot() <= 10.1


def test_what_was_reserved_for_later_is() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    bucket.reserve(100)
    bucket.hold(1.0)
    assert 10 - NEAR < bucket.time_to_next_slot() <= 10


def test_what_waits_for_the_end_of_a_hold_does_not_leave_at_once() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    bucket.hold(0.5)
    assert gaps(bucket.reserve(10)) == pytest.approx([0.1] * 9)


def test_buckets_do_not_touch_each_other() -> None:
    taken(TokenBucket("resend", SLOW))
    assert TokenBucket("twilio", SLOW).acquire() == 0


def test_nobody_takes_while_the_provider_says_stop() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(30)
    assert bucket.acquire() == pytest.approx(30, abs=NEAR)
    assert bucket.snapshot().held_for == pytest.approx(30, abs=NEAR)


def test_a_hold_never_shortens_another() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(30)
    bucket.hold(1)
    assert bucket.acquire() > 29


def test_a_hold_ends_by_itself() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(1.0)
    assert 0 < bucket.acquire() <= 1
    time.sleep(1)
    assert bucket.acquire() == 0


def test_a_hold_must_be_a_time() -> None:
    with pytest.raises(ValueError, match="cannot be held"):
        TokenBucket("resend", SLOW).hold(math.nan)


def test_a_slower_provider_is_believed() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=10))
    bucket.learn(0.1)
    assert taken(bucket) == 1
    assert 10 - NEAR < bucket.acquire() <= 10


def test_a_faster_provider_is_believed() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.learn(100)
    waits = [bucket.acquire() for _ in range(int(SLOW.burst) + 1)]
    # On a busy machine the next one may be there already; at the old rate it is 100 s away.
    assert waits[-1] <= 0.01


def test_what_was_learned_is_shared_and_replaced() -> None:
    TokenBucket("resend", SLOW).learn(4)
    assert TokenBucket("resend", SLOW).snapshot().per_second == 4
    TokenBucket("resend", SLOW).learn(2)
    TokenBucket("resend", SLOW).learn(2)
    snapshot = TokenBucket("resend", SLOW).snapshot()
    assert (snapshot.per_second, snapshot.learned) == (2, True)


def test_what_refusals_teach_is_shared_and_told_apart_from_the_providers_word() -> None:
    TokenBucket("resend", SLOW).learn(4)
    TokenBucket("resend", SLOW).lower()
    snapshot = TokenBucket("resend", SLOW).snapshot()
    assert (snapshot.said, snapshot.learned, snapshot.found) == (4, True, True)
    assert snapshot.per_second == pytest.approx(2.8)
    TokenBucket("resend", SLOW).rise()
    assert TokenBucket("resend", SLOW).snapshot().per_second > 2.8
    assert not TokenBucket("other", SLOW).is_known()
    TokenBucket("other", SLOW).rise()
    assert not TokenBucket("other", SLOW).is_known()


def test_what_was_learned_outlives_taking() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.learn(4)
    bucket.acquire()
    assert bucket.snapshot().per_second == 4


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_senseless_rate_is_not_learned(rate: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number"):
        TokenBucket("resend", SLOW).learn(rate)


def test_a_snapshot_takes_nothing() -> None:
    bucket = TokenBucket("resend", SLOW)
    before = bucket.snapshot()
    assert (before.used, before.per_second) == (0, 0.01)
    assert taken(bucket) == 5
    snapshot = bucket.snapshot()
    assert (snapshot.learned, snapshot.held_for) == (False, 0)


def test_without_redis_nobody_is_let_through(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(shared_state.Unavailable):
        TokenBucket("resend", SLOW).acquire()


def test_processes_together_take_no_more_than_the_rate(concurrent_workers: StartWorkers) -> None:
    answers = concurrent_workers("acquire", 4, "shared", 2).answer()
    total = sum(answer["taken"] for answer in answers)
    seconds = max(a["ended"] for a in answers) - min(a["began"] for a in answers)
    assert total <= RATE.burst + RATE.per_second * seconds + 1
    # And the permitted rate is used: a limiter that is merely slow would pass as well. How many
    # they get in time is the machine's affair; ours is how far away the next one may be.
    assert total >= RATE.burst
    assert max(answer["longest"] for answer in answers) <= 1 / RATE.per_second + 0.005


def test_what_an_older_release_stored_is_read() -> None:
    old = {"tokens": -3.0, "at": 1.0, "held_until": 0.0, "learned": 7.0, "used": 2.0, "taken": 9}
    shared_state.update_state("limit:resend", lambda _state, _now: (old, None))
    bucket = TokenBucket("resend", SLOW)
    assert bucket.snapshot().per_second == 7
    assert bucket.acquire() == 0
