import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from tests.processes.running import eventually
from wedsync_comms.lib import background_loops

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "a test"


@pytest.fixture
def carried(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[background_loops.LoopStep], None]]:
    """Starts a process's background loops with this one among them, alone."""
    monkeypatch.setattr(background_loops, "_makers", {})
    monkeypatch.setattr(background_loops, "FAILURE_PAUSE_S", 0.01)
    started = []

    def carry(step: background_loops.LoopStep) -> None:
        background_loops.register(NAME, lambda: step)
        started.append(background_loops.start())

    yield carry
    for loops in started:
        loops.stop()
        for thread in loops.threads:
            thread.join(timeout=10)
            assert not thread.is_alive()


class Failing:
    """Fails twice, then goes well."""

    def __init__(self, error: Exception) -> None:
        self.error, self.steps = error, 0
        self.is_well = threading.Event()

    def __call__(self) -> float:
        self.steps += 1
        if self.steps <= 2:
            raise self.error
        self.is_well.set()
        return 60.0


def test_a_step_that_fails_is_logged_and_not_the_last(
    carried: Callable[[background_loops.LoopStep], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    step = Failing(ValueError("a bug of ours"))
    carried(step)
    assert step.is_well.wait(10)
    assert caplog.text.count("background_loop_failed") == 2
    assert "a bug of ours" in caplog.text


def test_a_database_that_is_away_is_waited_for_without_a_traceback(
    carried: Callable[[background_loops.LoopStep], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    step = Failing(OperationalError("the server is gone"))
    carried(step)
    assert step.is_well.wait(10)
    assert "background_loop_waits" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_step_says_when_the_next_one_is_due(
    carried: Callable[[background_loops.LoopStep], None],
) -> None:
    steps: list[int] = []

    def step() -> float:
        steps.append(len(steps))
        return 0.01 if len(steps) < 3 else 60.0

    carried(step)
    eventually(lambda: len(steps) == 3, 10)
