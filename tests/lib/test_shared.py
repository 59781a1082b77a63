from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from redis import ResponseError

from tests.lib.conftest import StartWorkers
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.models import SharedState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("backend")]

NOBODY_THERE = "redis://127.0.0.1:1/0"


def add(number: int) -> shared_state.Change[int]:
    def change(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, int]:
        total = (state or {}).get("total", 0) + number
        return {"total": total}, total

    return change


def test_a_key_nobody_wrote_has_no_value() -> None:
    assert shared_state.read_state("new") is None
    assert shared_state.peek("new")[0] is None


def test_a_change_sees_the_last_value_and_returns_its_answer() -> None:
    assert shared_state.update_state("sum", add(2)) == 2
    assert shared_state.update_state("sum", add(3)) == 5
    assert shared_state.read_state("sum") == {"total": 5}


def test_keys_do_not_touch_each_other() -> None:
    shared_state.update_state("one", add(1))
    shared_state.update_state("two", add(2))
    assert (shared_state.read_state("one"), shared_state.read_state("two")) == (
        {"total": 1},
        {"total": 2},
    )


def test_an_empty_value_counts_as_none() -> None:
    shared_state.update_state("sum", add(1))
    shared_state.update_state("sum", lambda _state, _now: ({}, None))
    assert shared_state.read_state("sum") is None
    assert shared_state.update_state("sum", lambda state, _now: (state or {}, state)) is None


def test_the_clock_is_a_unix_time_that_runs() -> None:
    first = shared_state.update_state("time", lambda _state, now: ({"at": now}, now))
    second = shared_state.peek("time")[1]
    assert first <= second < first + 10
    assert abs(timezone.now().timestamp() - second) < 10


def test_an_unchanged_value_is_not_written(backend: str) -> None:
    if backend == "redis":
        pytest.skip("Redis keeps no time of writing")
    shared_state.update_state("sum", add(1))
    SharedState.objects.update(updated_at=timezone.now() - timedelta(days=1))
    shared_state.update_state("sum", add(0))
    assert timezone.now() - SharedState.objects.get().updated_at > timedelta(hours=1)


def test_rows_nobody_changed_for_long_are_forgotten(settings: Settings) -> None:
    settings.REDIS_URL = ""
    shared_state.update_state("old", add(1))
    SharedState.objects.update(updated_at=timezone.now() - timedelta(days=31))
    shared_state.update_state("young", add(1))
    assert shared_state.forget_stale() == 1
    assert str(SharedState.objects.get()) == "young"


def test_a_faster_process_makes_the_change_run_again(backend: str) -> None:
    if backend == "database":
        pytest.skip("the row is locked: there are no faster ones")
    states = []

    def change(state: shared_state.State | None, now: float) -> tuple[shared_state.State, int]:
        states.append(state)
        if len(states) == 1:
            shared_state.update_state("sum", add(10))
        return add(1)(state, now)

    assert shared_state.update_state("sum", change) == 11
    assert states == [None, {"total": 10}]


def test_without_redis_nothing_is_known_and_nothing_pretended(settings: Settings) -> None:
    settings.REDIS_URL = NOBODY_THERE
    with pytest.raises(shared_state.Unavailable, match="REDIS_URL"):
        shared_state.update_state("sum", add(1))
    with pytest.raises(shared_state.Unavailable):
        shared_state.read_state("sum")
    with pytest.raises(shared_state.Unavailable):
        shared_state.peek("sum")


def test_a_full_redis_is_as_good_as_none() -> None:
    with pytest.raises(shared_state.Unavailable), shared_state.redis_reachable():
        raise ResponseError("OOM command not allowed")


def test_processes_that_change_one_value_lose_nothing(concurrent_workers: StartWorkers) -> None:
    """Also the first change of all, where the row is not there yet."""
    concurrent_workers("count", 4, "counter", 50).answer()
    assert shared_state.read_state("counter") == {"count": 200}
