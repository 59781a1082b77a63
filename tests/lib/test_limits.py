import math
import time
from itertools import pairwise

import pytest
from pytest_django import Settings

from tests.lib.conftest import Hammer
from tests.lib.hammer import RATE
from wedsync_comms.lib import shared
from wedsync_comms.lib.limits import Rate, TokenBucket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("backend")]

# Slow enough that nothing flows in while a test runs.
SLOW = Rate(per_second=0.01, burst=5, reserve=2)


def taken(bucket: TokenBucket, *, urgent: bool = False) -> int:
    """How many can be taken at once."""
    number = 0
    while bucket.acquire(urgent=urgent) == 0:
        number += 1
    return number


@pytest.mark.parametrize(
    ("rate", "complaint"),
    [
        ((0, 5, 0), "per_second and burst must be positive"),
        ((1, 0, 0), "per_second and burst must be positive"),
        ((math.inf, 5, 0), "per_second and burst must be positive"),
        ((math.nan, 5, 0), "per_second and burst must be positive"),
        ((1, 5, -1), "reserve must be at least 0"),
        ((1, 5, 5), "less than burst"),
        ((1, 5, math.nan), "less than burst"),
    ],
)
def test_a_senseless_rate_is_refused(rate: tuple[float, float, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Rate(*rate)


def test_a_full_bucket_gives_its_burst_and_then_a_waiting_time() -> None:
    bucket = TokenBucket("resend", Rate(per_second=0.1, burst=3))
    assert taken(bucket) == 3
    assert bucket.acquire() == pytest.approx(10, abs=0.5)


def test_the_reserve_is_for_urgent_ones() -> None:
    bucket = TokenBucket("resend", SLOW)
    assert taken(bucket) == 3
    assert taken(bucket, urgent=True) == 2


def test_waiting_as_long_as_told_is_enough() -> None:
    bucket = TokenBucket("resend", Rate(per_second=20, burst=1))
    assert bucket.acquire() == 0
    wait = bucket.acquire()
    assert 0 < wait <= 0.05
    time.sleep(wait)
    assert bucket.acquire() == 0


def test_a_large_cost_takes_more() -> None:
    bucket = TokenBucket("resend", SLOW)
    assert bucket.acquire(cost=2.5) == 0
    assert bucket.acquire() > 0
    assert bucket.acquire(cost=2.5, urgent=True) == 0


@pytest.mark.parametrize("cost", [3.5, 0, -1])
def test_a_cost_that_never_fits_is_a_mistake(cost: float) -> None:
    with pytest.raises(ValueError, match="never fits"):
        TokenBucket("resend", SLOW).acquire(cost=cost)


def test_buckets_do_not_touch_each_other() -> None:
    taken(TokenBucket("resend", SLOW))
    assert TokenBucket("twilio", SLOW).acquire() == 0


def test_nobody_takes_while_the_provider_says_stop() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(30)
    assert bucket.acquire(urgent=True) == pytest.approx(30, abs=0.5)
    assert bucket.snapshot().held_for == pytest.approx(30, abs=0.5)


def test_a_hold_never_shortens_another() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(30)
    bucket.hold(1)
    assert bucket.acquire() > 29


def test_a_hold_ends_by_itself() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.hold(0.05)
    assert 0 < bucket.acquire() <= 0.05
    time.sleep(0.06)
    assert bucket.acquire() == 0


def test_a_hold_must_be_a_time() -> None:
    with pytest.raises(ValueError, match="cannot be held"):
        TokenBucket("resend", SLOW).hold(math.nan)


def test_a_slower_provider_is_believed() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=10))
    bucket.learn(1)
    assert taken(bucket) == 1
    assert bucket.acquire() == pytest.approx(1, abs=0.1)


def test_a_faster_provider_is_believed() -> None:
    bucket = TokenBucket("resend", SLOW)
    bucket.learn(100)
    taken(bucket)
    assert bucket.acquire() <= 0.01


def test_what_was_learned_is_shared_and_replaced() -> None:
    TokenBucket("resend", SLOW).learn(4)
    assert TokenBucket("resend", SLOW).snapshot().per_second == 4
    TokenBucket("resend", SLOW).learn(2)
    TokenBucket("resend", SLOW).learn(2)
    snapshot = TokenBucket("resend", SLOW).snapshot()
    assert (snapshot.per_second, snapshot.learned) == (2, True)


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
    assert bucket.snapshot().tokens == 5
    bucket.acquire()
    snapshot = bucket.snapshot()
    assert snapshot.tokens == pytest.approx(4, abs=0.1)
    assert (snapshot.burst, snapshot.reserve, snapshot.per_second) == (5, 2, 0.01)
    assert (snapshot.learned, snapshot.held_for) == (False, 0)


def test_an_idle_bucket_leaves_redis_but_a_taught_one_stays(backend: str) -> None:
    if backend == "database":
        pytest.skip("rows are forgotten by schedule")
    bucket, key = TokenBucket("resend", SLOW), shared.redis_key("limit:resend")
    bucket.acquire()
    assert 500 < shared.client().ttl(key) <= 560
    bucket.learn(1)
    bucket.acquire()
    assert shared.client().ttl(key) > 1_000_000


def test_without_redis_nobody_is_let_through(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(shared.Unavailable):
        TokenBucket("resend", SLOW).acquire()


def test_processes_together_take_no_more_than_the_rate(hammer: Hammer) -> None:
    answers = hammer("acquire", 4, "shared", 2).answer()
    total = sum(answer["taken"] for answer in answers)
    seconds = max(a["ended"] for a in answers) - min(a["began"] for a in answers)
    usable = RATE.burst - RATE.reserve
    assert total <= usable + RATE.per_second * seconds + 1
    # And the permitted rate is used: a limiter that is merely slow would pass as well.
    assert total >= 0.8 * RATE.per_second * 2


def test_successive_waits_of_a_crowd_never_grow() -> None:
    bucket = TokenBucket("resend", Rate(per_second=5, burst=1))
    bucket.acquire()
    waits = [bucket.acquire() for _ in range(5)]
    assert all(later <= earlier for earlier, later in pairwise(waits))
