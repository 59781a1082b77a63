import math
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from pytest_django import Settings

from tests.lib.conftest import Hammer
from tests.lib.hammer import RATE
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.rate_limit.algorithm import (
    AHEAD,
    POSTPONED,
    SLACK,
    Rate,
)
from wedsync_comms.lib.rate_limit.limiter import (
    Arrival,
    Place,
    TokenBucket,
)

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


def gaps(places: Sequence[Place]) -> list[float]:
    return [later.at - earlier.at for earlier, later in pairwise(places)]


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


def test_places_ahead_of_time_are_evenly_spaced() -> None:
    bucket, before = TokenBucket("resend", Rate(per_second=20, burst=1)), time.monotonic()
    places = bucket.reserve(4)
    assert before <= places[0].at <= time.monotonic()
    assert gaps(places) == pytest.approx([0.05] * 3)


def test_nobody_takes_what_is_promised() -> None:
    bucket = TokenBucket("resend", Rate(per_second=0.1, burst=1))
    bucket.reserve(3)
    assert bucket.outlook() == pytest.approx(30, abs=NEAR)
    assert bucket.acquire() == pytest.approx(30, abs=NEAR)


def test_a_snapshot_tells_how_much_of_the_rate_is_used_lately() -> None:
    bucket = TokenBucket("resend", Rate(per_second=100, burst=100))
    for _ in range(50):
        bucket.acquire()
    assert bucket.snapshot().used == pytest.approx(5, rel=0.2)


def test_an_outlook_takes_nothing() -> None:
    bucket = TokenBucket("resend", SLOW)
    assert [bucket.outlook() for _ in range(10)] == [0] * 10


def test_who_waits_gets_the_next_place_if_it_is_near() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    began = time.monotonic()
    assert (bucket.wait(), bucket.wait()) == (True, True)
    assert time.monotonic() - began >= 0.09
    bucket.reserve(10)
    assert not bucket.wait()


def test_what_was_promised_for_while_the_provider_wants_to_be_left_alone_is_no_debt() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    bucket.reserve(5)
    bucket.hold(10.0)
    assert 10 - NEAR < bucket.outlook() <= 10.1


def test_what_one_announces_and_takes_all_know() -> None:
    rate = Rate(per_second=0.1, burst=1)
    assert TokenBucket("resend", rate).turn(5) == 0
    assert (shared_state.read_state("limit:resend") or {})["announced"] == 5
    TokenBucket("resend", rate).reserve(5)
    assert 50 - NEAR < TokenBucket("resend", rate).turn(1) <= 50 - AHEAD


def test_at_a_high_rate_what_is_known_of_late_ones_is_bounded() -> None:
    bucket = TokenBucket("resend", Rate.permitted(100_000))
    places = bucket.reserve(1000)
    bucket.postpone([Arrival(one.number, one.at + 0.1) for one in places])
    state = shared_state.read_state("limit:resend")
    assert state is not None
    assert len(state["postponed"]) == POSTPONED


def test_what_arrived_late_postpones_what_leaves_a_second_later_and_nothing_else() -> None:
    bucket = TokenBucket("resend", Rate.permitted(10))
    first, second, *_ = bucket.reserve(8)
    bucket.postpone([Arrival(first.number, first.at + 0.3)])
    bucket.postpone([Arrival(second.number, second.at + SLACK / 2)])
    others = bucket.reserve(10)
    after = [one.at - first.at for one in others if one.number == first.number + 10]
    assert after == pytest.approx([1.3], abs=0.02)
    plan = [one for one in others if one.number != first.number + 10]
    assert [one.at for one in plan] == sorted(one.at for one in plan)
    assert plan[-1].at - first.at == pytest.approx(17 / Rate.permitted(10).per_second, abs=0.02)


def test_at_less_than_one_a_second_the_next_one_waits() -> None:
    bucket = TokenBucket("resend", Rate.permitted(0.5))
    [first] = bucket.reserve(1)
    bucket.postpone([Arrival(first.number, first.at + 0.7)])
    [second] = bucket.reserve(1)
    assert second.at - first.at == pytest.approx(2.7, abs=0.02)


def test_what_is_promised_already_stays_promised() -> None:
    bucket = TokenBucket("resend", Rate.permitted(10))
    first, *others = bucket.reserve(11)
    bucket.postpone([Arrival(first.number, first.at + 0.3)])
    [after] = bucket.reserve(1)
    assert gaps([*others, after])[-1] == pytest.approx(1 / bucket.rate.per_second, abs=0.02)


def test_a_bucket_that_lets_many_through_at_once_minds_no_lateness() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    first, *_ = bucket.reserve(8)
    bucket.postpone([Arrival(first.number, first.at + 0.3)])
    assert bucket.reserve(3)[-1].at - first.at == pytest.approx(1.0, abs=0.02)


def test_what_was_promised_for_later_is() -> None:
    bucket = TokenBucket("resend", Rate(per_second=10, burst=1))
    bucket.reserve(100)
    bucket.hold(1.0)
    assert 10 - NEAR < bucket.outlook() <= 10


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


def test_processes_together_take_no_more_than_the_rate(hammer: Hammer) -> None:
    answers = hammer("acquire", 4, "shared", 2).answer()
    total = sum(answer["taken"] for answer in answers)
    seconds = max(a["ended"] for a in answers) - min(a["began"] for a in answers)
    assert total <= RATE.burst + RATE.per_second * seconds + 1
    # And the permitted rate is used: a limiter that is merely slow would pass as well. How many
    # they get in time is the machine's affair; ours is how far away the next one may be.
    assert total >= RATE.burst
    assert max(answer["longest"] for answer in answers) <= 1 / RATE.per_second + 0.005
