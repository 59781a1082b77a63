"""Several processes carry the evaluator along; one of them evaluates, and another when it dies."""

from contextlib import ExitStack
from pathlib import Path

from health.incidents.evaluator import (
    EVALUATE_EVERY_S,
    EVALUATOR_LEASE_S,
)
from health.reporting.summary import EVALUATOR
from tests.processes.running import Running, eventually, running
from wedsync_comms.lib import (
    heartbeats,
    shared_state,
)


def holder() -> str:
    """`host:pid` of the process that evaluates."""
    state = shared_state.read_row(f"lease:{EVALUATOR}") or {}
    return str(state.get("holder", ""))


def beats_of(pid: str) -> bool:
    latest = heartbeats.latest_beat(EVALUATOR)
    return latest is not None and latest.instance.endswith(f":{pid}")


def test_when_the_process_that_evaluates_is_killed_another_goes_on(
    process_env: dict[str, str],
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        pair = [
            stack.enter_context(running(["dispatcher"], process_env, tmp_path / f"{number}.log"))
            for number in range(2)
        ]
        eventually(holder)
        first = evaluating(pair)
        [other] = [process for process in pair if process is not first]
        eventually(lambda: beats_of(str(first.pid)))
        first.process.kill()
        took = eventually(lambda: beats_of(str(other.pid)))
        # A killed process keeps its lease to the end, and no longer.
        assert took < EVALUATOR_LEASE_S + 4 * EVALUATE_EVERY_S
        assert evaluating(pair) is other


def evaluating(pair: list[Running]) -> Running:
    pid = holder().rpartition(":")[2]
    return next(process for process in pair if str(process.pid) == pid)
