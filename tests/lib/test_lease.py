import pytest

from tests.connections import Closing
from wedsync_comms.lib.leases import process_lease
from wedsync_comms.lib.leases.process_lease import acquired_state

pytestmark = pytest.mark.django_db


def test_one_holds_it_and_keeps_it_by_coming_back() -> None:
    assert process_lease.acquire("job", "first", 30)
    assert not process_lease.acquire("job", "second", 30)
    assert process_lease.acquire("job", "first", 30)


def test_who_does_not_come_back_loses_it() -> None:
    assert process_lease.acquire("job", "first", -1)
    assert process_lease.acquire("job", "second", 30)
    assert not process_lease.acquire("job", "first", 30)


def test_what_is_given_back_is_free_at_once_and_nobody_gives_back_anothers() -> None:
    process_lease.acquire("job", "first", 30)
    process_lease.release("job", "second")
    assert not process_lease.acquire("job", "second", 30)
    process_lease.release("job", "first")
    assert process_lease.acquire("job", "second", 30)


def test_leases_do_not_touch_each_other() -> None:
    assert process_lease.acquire("job", "first", 30)
    assert process_lease.acquire("another", "second", 30)


def test_a_clock_that_was_set_back_does_not_make_it_last_for_ever() -> None:
    state, _ = acquired_state(None, 10_000.0, holder="first", seconds=30)
    assert acquired_state(state, 5_000.0, holder="second", seconds=30)[1]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_it() -> None:
    def take(number: int) -> bool:
        return process_lease.acquire("job", f"holder-{number}", 30)

    with Closing(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_one_that_is_ended_is_anybodys() -> None:
    process_lease.acquire("job", "first", 30)
    process_lease.revoke("job")
    assert process_lease.acquire("job", "second", 30)
    process_lease.revoke("unheard of")
