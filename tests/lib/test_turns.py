"""Slow tasks of many parties: a thousand of one keep nobody's one waiting."""

from collections import Counter
from typing import Any

import pytest
from django.db.models import QuerySet
from django_q.models import OrmQ
from django_q.tasks import async_task

from wedsync_comms.lib.fair_share import FairShare
from wedsync_comms.lib.models import WaitingTask
from wedsync_comms.lib.turns import tasks
from wedsync_comms.lib.turns.tasks import TURN, TURNS_AT_ONCE, request_tasks, take_turn

pytestmark = pytest.mark.django_db

NOTE, FAIL = f"{__name__}.note", f"{__name__}.fail"
noted: list[int] = []


def note(key: int) -> None:
    noted.append(key)


def fail(key: int) -> None:
    raise ValueError(key)


@pytest.fixture(autouse=True)
def anew() -> None:
    noted.clear()
    tasks.shares = FairShare()


def turns_out() -> int:
    assert {task.func() for task in OrmQ.objects.all()} <= {TURN}
    return int(OrmQ.objects.count())


def run_next() -> bool:
    """What a worker does with the next of its tasks."""
    row = OrmQ.objects.order_by("pk").first()
    if row is None:
        return False
    row.delete()
    take_turn()
    return True


def test_one_task_of_another_party_does_not_wait_for_a_thousand() -> None:
    request_tasks(NOTE, dict.fromkeys(range(30), "flood"))
    for _ in range(3):
        run_next()
    request_tasks(NOTE, {100: "other"})
    run_next()
    run_next()
    assert 100 in noted
    while run_next():
        pass
    assert sorted(noted) == [*range(30), 100]


def test_a_few_turns_are_out_at_a_time_so_that_nothing_else_waits_behind_them() -> None:
    request_tasks(NOTE, dict.fromkeys(range(30), "flood"))
    request_tasks(NOTE, dict.fromkeys(range(20, 50), "other"))
    assert turns_out() == TURNS_AT_ONCE
    while run_next():
        assert turns_out() <= TURNS_AT_ONCE
    assert sorted(noted) == list(range(50))


def test_parties_have_equal_parts_whoever_asked_first() -> None:
    for number, party in enumerate("abc"):
        request_tasks(NOTE, dict.fromkeys(range(10 * number, 10 * number + 6), party))
    for _ in range(9):
        run_next()
    assert Counter(key // 10 for key in noted) == {0: 3, 1: 3, 2: 3}


def test_what_waits_already_is_not_asked_for_twice_and_what_is_urgent_is_first() -> None:
    request_tasks(NOTE, {1: "a", 2: "a"}, urgency=2)
    request_tasks(NOTE, {2: "a", 3: "a"}, urgency=1)
    while run_next():
        pass
    assert noted == [3, 1, 2]
    request_tasks(NOTE, {1: "a"})
    assert run_next()
    assert noted == [3, 1, 2, 1]


def test_a_task_that_fails_stops_none_of_the_others() -> None:
    request_tasks(FAIL, dict.fromkeys(range(TURNS_AT_ONCE + 1), "a"))
    with pytest.raises(ValueError, match="0"):
        run_next()
    assert turns_out() == TURNS_AT_ONCE
    assert WaitingTask.objects.count() == TURNS_AT_ONCE


def test_turns_that_are_lost_are_handed_out_again_and_a_turn_too_many_does_nothing() -> None:
    request_tasks(NOTE, {1: "a", 2: "b"})
    OrmQ.objects.all().delete()
    tasks.restore_turns()
    assert turns_out() == 2
    tasks.restore_turns()
    while run_next():
        pass
    assert sorted(noted) == [1, 2]
    assert not take_turn()
    tasks.restore_turns()
    assert turns_out() == 0


def test_a_party_whose_tasks_end_their_process_keeps_nobody_from_a_turn() -> None:
    request_tasks(NOTE, dict.fromkeys(range(40), "a"))
    request_tasks(NOTE, {100: "b"})
    for _ in range(39):
        if 100 not in noted:
            tasks.shares = FairShare()
            run_next()
    assert 100 in noted


def test_turns_that_are_lost_are_handed_out_again_whatever_else_waits_to_be_run() -> None:
    for _ in range(TURNS_AT_ONCE + 1):
        async_task("builtins.len", "")
    request_tasks(NOTE, dict.fromkeys(range(20), "a"))
    own = [row.pk for row in OrmQ.objects.all() if row.func() == TURN]
    assert len(own) == TURNS_AT_ONCE
    OrmQ.objects.filter(pk__in=own[3:]).delete()
    for _ in range(2):
        tasks.restore_turns()
        assert sum(row.func() == TURN for row in OrmQ.objects.all()) == TURNS_AT_ONCE


def test_what_is_asked_for_while_the_last_ones_are_done_has_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request_tasks(NOTE, dict.fromkeys(range(TURNS_AT_ONCE), "a"))
    insert = QuerySet.bulk_create

    def late(*args: Any, **options: Any) -> Any:
        while run_next():
            pass
        return insert(*args, **options)

    monkeypatch.setattr(QuerySet, "bulk_create", late)
    request_tasks(NOTE, {100: "b"})
    assert turns_out() == 1
