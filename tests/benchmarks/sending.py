"""Messages a second that dispatchers send from a full outbox through the sandbox.

2,000 messages fall due at once while the dispatchers are up and idle; the clock stops when the last
one is recorded as sent, or after a few seconds. In calls of up to 100 messages or of one; by one
process or by two. The sandbox answers at once and runs on the same cores: what is measured is the
work on our side, not a provider.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from django.utils import timezone

from tests.benchmarks import rows
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.report import rows as lines
from tests.benchmarks.stack import Machine, Stack, wait_for
from wedsync_comms.lib.models import Heartbeat

MESSAGES = 2_000
# Enough to open the threads' connections.
WARM_UP = 50
SECONDS = 8.0
ROUNDS = 3
BATCHES = "dispatcher"
SINGLE = "python -m tests.benchmarks.one_by_one"

VARIANTS = {
    "batches of 100": (BATCHES, 1),
    "batches of 100, two processes": (BATCHES, 2),
    "one by one": (SINGLE, 1),
}
PAIRS = (
    ("batches of 100", "one by one"),
    ("batches of 100, two processes", "batches of 100"),
)


def run(machine: Machine, _: int) -> Iterator[Row]:
    for stack in (machine.postgres_with_redis(), machine.sqlite_alone()):
        variants: dict[str, Callable[[], Figures]] = {
            name: partial(drain, stack, command, processes)
            for name, (command, processes) in VARIANTS.items()
        }
        found = measured(variants, ROUNDS)
        for a, b in PAIRS:
            yield from lines(found, a, b)


def drain(stack: Stack, command: str, processes: int) -> Figures:
    began = timezone.now()
    with ExitStack() as dispatchers:
        for _ in range(processes):
            dispatchers.enter_context(stack.running(command))
        wait_for(lambda: stack.run(beating_since, began) == processes)
        stack.run(rate, WARM_UP)
        figure = stack.run(rate, MESSAGES)
    # What an interrupted drain left behind is no business of the next.
    stack.run(rows.clear_outbox)
    return {f"sent/s, {stack.name}": figure}


def rate(count: int) -> float:
    rows.due(count)
    began = time.monotonic()
    while (left := rows.left()) and time.monotonic() - began < SECONDS:
        time.sleep(0.02)
    return (count - left) / (time.monotonic() - began)


def beating_since(moment: datetime) -> int:
    return Heartbeat.objects.filter(process="dispatcher", beat_at__gte=moment).count()
