"""From compose to sent, and from a webhook to a browser's frame, on an idle system.

One message at a time, with pauses of random length, so that no poll can fall into step. From the
call of `compose` until the acceptance is recorded; from posting the receipt until the frame is
there. With Redis that wakes everybody; without it PostgreSQL's NOTIFY or polling.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import Event, Message
from communications.vocabulary.events import Kind
from tests.benchmarks import report, rows
from tests.benchmarks.client import Poster, browser, delivered
from tests.benchmarks.report import Figures, Row, measured, milliseconds
from tests.benchmarks.stack import Machine, Stack, wait_for

MESSAGES = 10
ROUNDS = 3
# Longer than the slowest poll.
PAUSE = (0.05, 0.35)
PATIENCE = 10.0


def run(machine: Machine, _: int) -> Iterator[Row]:
    with ExitStack() as processes:
        stacks = {
            stack.name: stack
            for stack in (
                machine.postgres_with_redis(),
                machine.postgres_alone(),
                machine.sqlite_alone(),
            )
        }
        variants = {
            name: partial(once, stack, *up(stack, processes)) for name, stack in stacks.items()
        }
        found = measured(variants, ROUNDS)
    first, *others = variants
    for other in others:
        yield from report.rows(found, first, other)


def up(stack: Stack, processes: ExitStack) -> tuple[int, int]:
    stack.env["WEB_WORKERS"] = "1"
    processes.enter_context(stack.running("dispatcher"))
    web = processes.enter_context(stack.serving("web"))
    live = processes.enter_context(stack.serving("live"))
    stack.run(compose_and_wait, 2)
    return web, live


def once(stack: Stack, web: int, live: int) -> Figures:
    sent = stack.run(compose_and_wait, MESSAGES)
    shown = stack.run(watch, web, live, MESSAGES)
    return {
        **milliseconds("compose to sent", sent, 0.5, 0.95),
        **milliseconds("webhook to frame", shown, 0.5, 0.95),
    }


def compose_and_wait(count: int) -> list[float]:
    owner = rows.organization()
    began = {}
    for _ in range(count):
        now = time.time()
        draft = Draft(to="guest@example.com", subject="Your day", body="See you soon.")
        began[compose_message(owner, draft).message.pk] = now
        time.sleep(random.uniform(*PAUSE))  # noqa: S311  # not a secret
    accepted = Event.objects.filter(message__in=began, kind=Kind.ACCEPTED)
    wait_for(lambda: accepted.count() == count)
    return [
        recorded.timestamp() - began[message]
        for message, recorded in accepted.values_list("message", "recorded_at")
    ]


def watch(web: int, live: int, count: int) -> list[float]:
    """Posts receipts of the newest messages, one at a time, and waits for their frames."""
    newest = Message.objects.filter(status="sent").order_by("-created_at")[:count]
    return asyncio.run(frames(web, live, rows.token(), [row.provider_id for row in newest]))


async def frames(web: int, live: int, token: str, provider_ids: list[str]) -> list[float]:
    poster, watching = await Poster.connected(web), await browser(live, token)
    found = []
    for provider_id in provider_ids:
        await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311  # not a secret
        watching.frames.clear()
        watching.came.clear()
        began = time.time()
        await poster.post(delivered(f"msg_{uuid4().hex}", provider_id=provider_id))
        await asyncio.wait_for(watching.came.wait(), PATIENCE)
        found.append(watching.frames[0][0] - began)
    poster.close()
    watching.transport.close()
    return found
