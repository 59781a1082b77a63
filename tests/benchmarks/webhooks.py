"""Webhooks a second that are verified and stored: HTTP under granian (WSGI) and under uvicorn.

A process of its own posts over 16 persistent connections, each delivery with an id and a valid
signature of its own, to `web` and to `live` as the Procfile starts them. Both have the same
PostgreSQL and Redis. Nothing applies what is stored meanwhile.
"""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from uuid import uuid4

from communications.models import WebhookDelivery
from tests.benchmarks import report
from tests.benchmarks.client import Poster, delivered
from tests.benchmarks.report import Figures, Row, measured, milliseconds
from tests.benchmarks.stack import Machine, Stack

CONNECTIONS = 16
SECONDS = 3.0
ROUNDS = 3


def run(machine: Machine, _: int) -> Iterator[Row]:
    stack = machine.postgres_with_redis()
    with stack.serving("web") as web, stack.serving("live") as live:
        variants = {
            "granian, WSGI, 2 workers": partial(posted, stack, web),
            "uvicorn, ASGI, 1 process": partial(posted, stack, live),
        }
        found = measured(variants, ROUNDS)
    yield from report.rows(found, *variants)


def posted(stack: Stack, port: int) -> Figures:
    before = stack.run(deliveries)
    seconds, times = stack.run(load, port)
    stored = stack.run(deliveries) - before
    if stored != len(times):
        raise RuntimeError(f"{len(times)} were answered with 200, and {stored} are stored.")
    return {"stored/s": stored / seconds, **milliseconds("answered", times, 0.5, 0.99)}


def deliveries() -> int:
    return WebhookDelivery.objects.count()


def load(port: int) -> tuple[float, list[float]]:
    return asyncio.run(post_for(port, SECONDS))


async def post_for(port: int, seconds: float) -> tuple[float, list[float]]:
    """How long it took in the end, and how long each of them took."""
    run_id, numbers, times = uuid4().hex, count(), list[float]()
    # The connections and the threads behind them exist before the clock starts.
    posters = [await Poster.connected(port) for _ in range(CONNECTIONS)]
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
