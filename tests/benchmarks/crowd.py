"""200 signed webhooks at once for a minute: what is refused, and what PostgreSQL has left to do.

The Procfile's `web` stands before a PostgreSQL with the 100 connections it comes with. Any answer
but 200 ends the benchmark. A minute after the last one, the process has no connection any more.
"""

import asyncio
import time
from collections.abc import Iterator

from tests.benchmarks.report import Row, milliseconds
from tests.benchmarks.stack import Machine, Stack, wait_for
from tests.benchmarks.webhooks import database_connections, deliveries, post_for

AT_ONCE = 200
SECONDS = 60.0
# The pool lets go of what nobody uses within a minute.
LEFT_WITHIN_S = 70.0
OUR_OWN = 1


def run(machine: Machine, _: int) -> Iterator[Row]:
    stack = machine.postgres_with_redis()
    name = f"granian, {AT_ONCE} at once"
    with stack.serving("web") as port:
        seconds, times = stack.run(load, port)
        taken = stack.run(database_connections) - OUR_OWN
        stored = stack.run(deliveries)
        yield Row("answered with 200", name, len(times))
        yield Row("answered otherwise", name, 0)
        yield Row("stored", name, stored)
        yield Row("stored/s", name, stored / seconds)
        for what, figure in milliseconds("answered", times, 0.5, 0.99, 1.0).items():
            yield Row(what, name, figure)
        yield Row("connections at its end", name, taken)
        yield Row("s until none was left", name, seconds_until_none_is_left(stack))


def load(port: int) -> tuple[float, list[float]]:
    return asyncio.run(post_for(port, SECONDS, AT_ONCE))


def seconds_until_none_is_left(stack: Stack) -> float:
    began = time.monotonic()
    wait_for(lambda: stack.run(database_connections) <= OUR_OWN, LEFT_WITHIN_S, 1.0)
    return time.monotonic() - began
