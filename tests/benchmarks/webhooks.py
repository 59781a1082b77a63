"""Webhooks a second that are verified and stored: HTTP under granian (WSGI) and under uvicorn.

A process of its own posts over 16 persistent connections, and then over 200, each delivery with an
id and a valid signature of its own, to `web` and to `live` as the Procfile starts them. Both have
the same Redis, and the same PostgreSQL with the 100 connections it comes with. Nothing applies what
is stored meanwhile. Any answer but 200 ends the benchmark.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from uuid import uuid4

from django.db import connection

from communications.models import WebhookDelivery
from tests.benchmarks import report
from tests.benchmarks.client import Poster, delivered
from tests.benchmarks.report import Figures, Row, measured, milliseconds
from tests.benchmarks.stack import Machine, Stack

CONNECTIONS = 16
CROWD = 200
SECONDS = 3.0
ROUNDS = 3


def run(machine: Machine, _: int) -> Iterator[Row]:
    stack = machine.postgres_with_redis()
    with stack.serving("web") as web, stack.serving("live") as live:
        variants = {
            "granian, WSGI, 2 workers": partial(posted, stack, web),
            "uvicorn, ASGI, 1 process": partial(posted, stack, live),
            f"granian, {CROWD} at once": partial(posted, stack, web, CROWD),
            f"uvicorn, {CROWD} at once": partial(posted, stack, live, CROWD),
        }
        found = measured(variants, ROUNDS)
    few_web, few_live, many_web, many_live = variants
    yield from report.rows(found, few_web, few_live)
    yield from report.rows(found, many_web, many_live)


def posted(stack: Stack, port: int, posters: int = CONNECTIONS) -> Figures:
    before = stack.run(deliveries)
    seconds, times = stack.run(load, port, posters)
    taken = stack.run(database_connections)
    stored = stack.run(deliveries) - before
    if stored != len(times):
        raise RuntimeError(f"{len(times)} were answered with 200, and {stored} are stored.")
    return {
        "stored/s": stored / seconds,
        **milliseconds("answered", times, 0.5, 0.99),
        "connections": taken,
    }


def deliveries() -> int:
    return WebhookDelivery.objects.count()


def database_connections() -> int:
    """Returns how many there are to this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def load(port: int, posters: int) -> tuple[float, list[float]]:
    return asyncio.run(post_for(port, SECONDS, posters))


async def post_for(port: int, seconds: float, count_of: int) -> tuple[float, list[float]]:
    """How long it took in the end, and how long each of them took."""
    run_id, numbers, times = uuid4().hex, count(), list[float]()
    # The connections and the threads behind them exist before the clock starts.
    posters = [await Poster.connected(port) for _ in range(count_of)]
    began = time.monotonic()

    async def post(poster: Poster) -> None:
        while time.monotonic() - began < seconds:
            request = delivered(f"msg_{run_id}_{next(numbers)}", provider_id=str(uuid4()))
            sent = time.monotonic()
            await poster.post(request)
            times.append(time.monotonic() - sent)

    await asyncio.gather(*map(post, posters))
    took = time.monotonic() - began
    for poster in posters:
        poster.close()
    return took, times
