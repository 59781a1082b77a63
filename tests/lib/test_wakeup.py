import os
import signal
import threading
import time
from statistics import median

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from tests.lib.conftest import StartWorkers
from wedsync_comms.lib import (
    shared_state,
    wakeup,
)
from wedsync_comms.lib.wakeup import WakeupListener, wake

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("backend")]

polled_only = connection.vendor == "sqlite" and not os.environ.get("REDIS_URL")
needs_wakeups = pytest.mark.skipif(polled_only, reason="SQLite is polled")


@pytest.fixture(autouse=True)
def no_memory_of_other_tests(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setattr(wakeup, "_quiet_until", {})
    if backend == "database" and connection.vendor == "sqlite" and not polled_only:
        pytest.skip("SQLite is polled")


def break_connections(backend: str) -> None:
    if backend == "redis":
        shared_state.client().client_kill_filter(_type="pubsub")
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )


def duration(listener: WakeupListener, timeout: float) -> float:
    began = time.monotonic()
    listener.wait(timeout)
    return time.monotonic() - began


def test_nobody_wakes_a_listener_then_it_waits_to_the_end() -> None:
    with WakeupListener("messages") as listener:
        assert 0.2 <= duration(listener, 0.2) < 3
        assert not listener.wait(0)


def test_waking_a_topic_nobody_listens_to_is_fine() -> None:
    wake("messages")


@needs_wakeups
def test_a_wake_up_between_two_waits_ends_the_next() -> None:
    with WakeupListener("messages") as listener:
        wake("messages")
        assert listener.wait(10)


@needs_wakeups
def test_any_of_several_topics_wakes() -> None:
    with WakeupListener("messages", "events") as listener:
        wake("events")
        assert listener.wait(10)


@needs_wakeups
def test_other_topics_do_not_wake() -> None:
    with WakeupListener("messages") as listener:
        wake("events")
        assert not listener.wait(0.1)


@needs_wakeups
def test_many_wake_ups_are_few() -> None:
    with WakeupListener("messages") as listener:
        for _ in range(50):
            wake("messages")
        assert listener.wait(10)
        assert sum(listener.wait(0.1) for _ in range(5)) <= 2


@needs_wakeups
def test_a_wake_up_left_out_for_quiet_is_noticed_soon_after(backend: str) -> None:
    if backend == "redis":
        pytest.skip("Redis publishes all of them")
    with WakeupListener("messages") as listener:
        wake("messages")
        assert listener.wait(10)
        wake("messages")  # less than QUIET later: not sent
        assert listener.wait(10)
        # Where the machine was busy for longer than that, it was sent as well: once, not for ever.
        assert [listener.wait(0.1) for _ in range(3)].count(True) <= 1


@needs_wakeups
def test_nothing_leaves_before_commit() -> None:
    with WakeupListener("messages") as listener:
        with transaction.atomic():
            wake("messages")
            assert not listener.wait(0.1)
        assert listener.wait(10)


@needs_wakeups
def test_a_rollback_wakes_nobody() -> None:
    with WakeupListener("messages") as listener:
        with transaction.atomic():
            wake("messages")
            transaction.set_rollback(True)
        assert not listener.wait(0.1)


@needs_wakeups
def test_a_cut_connection_is_opened_again_and_counts_as_a_wake_up(backend: str) -> None:
    with WakeupListener("messages") as listener:
        listener.wait(0)
        break_connections(backend)
        began = time.monotonic()
        assert listener.wait(10)
        assert time.monotonic() - began >= wakeup.REOPEN[0]
        wake("messages")
        assert listener.wait(10)


@needs_wakeups
def test_another_process_wakes_us_at_once(concurrent_workers: StartWorkers) -> None:
    delays = []
    with WakeupListener("messages") as listener:
        workers = concurrent_workers("wake_often", 1, "messages", 10)
        for _ in range(10):
            assert listener.wait(10)
            delays.append(time.monotonic() - workers.answer())
            while listener.wait(0.05):
                pass
    assert median(delays) < 1


def test_a_listener_without_its_server_sleeps_and_tells_nobody_off(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with WakeupListener("messages") as listener:
        used = time.process_time()
        assert 1.2 <= duration(listener, 1.2) < 4
        assert time.process_time() - used < 0.3


def test_waking_without_the_server_is_given_up_quickly(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    wake("messages")
    began = time.monotonic()
    for _ in range(100):
        wake("messages")
    assert time.monotonic() - began < 2


def test_an_interrupt_ends_a_wait() -> None:
    with WakeupListener("messages") as listener:
        threading.Timer(0.1, listener.interrupt).start()
        assert duration(listener, 5) < 3
        assert 0.2 <= duration(listener, 0.2) < 3


def test_a_signal_handler_may_interrupt() -> None:
    with WakeupListener("messages") as listener:
        before = signal.signal(signal.SIGALRM, lambda *_: listener.interrupt())
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert duration(listener, 5) < 3
        signal.signal(signal.SIGALRM, before)


def test_an_interrupt_before_the_wait_ends_it_too() -> None:
    with WakeupListener("messages") as listener:
        listener.interrupt()
        assert duration(listener, 5) < 3
