"""How close to a provider's permitted rate a full outbox drains, and what an urgent message waits.

10,000 SMS fall due at once in front of four dispatchers; the sandbox permits so many requests a
second and refuses what is too much with a 429, which is counted. In the middle an urgent message is
composed. The share is of the permitted rate, from the first request the sandbox
took to the last.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from django.db.models import Count, Max, Min
from django.utils import timezone

from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import Attempt, Event, Priority
from tests.benchmarks import rows
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.report import rows as lines
from tests.benchmarks.sending import beating_since
from tests.benchmarks.stack import Machine, Stack, wait_for

# Twilio's code for "Too Many Requests", with which its 429 comes.
TOO_MANY = "20429"
MESSAGES = 10_000
DISPATCHERS = 4
PER_SECOND = 100
# Seldom, since what is measured shares the machine.
LOOK = 0.5
PATIENCE = 3.0 * MESSAGES / PER_SECOND


def run(machine: Machine, _: int) -> Iterator[Row]:
    stacks = (machine.postgres_with_redis(), machine.postgres_alone())
    variants: dict[str, Callable[[], Figures]] = {
        stack.name: partial(drain, stack) for stack in stacks
    }
    found = measured(variants, 1)
    yield from lines(found, *variants)


def drain(stack: Stack) -> Figures:
    stack.sandbox.control("PATCH", "/twilio", {"rate_per_second": PER_SECOND})
    began = timezone.now()
    with ExitStack() as dispatchers:
        for _ in range(DISPATCHERS):
            dispatchers.enter_context(stack.running("dispatcher"))
        wait_for(lambda: stack.run(beating_since, began) == DISPATCHERS)
        stack.run(rows.due, MESSAGES, "sms")
        wait_for(lambda: stack.run(rows.left) <= MESSAGES / 2, PATIENCE, LOOK)
        waited = stack.run(urgent)
        wait_for(lambda: stack.run(rows.left) == 0, PATIENCE, LOOK)
    return {**counted(stack), "an urgent one waited, ms": 1000 * waited}


def urgent() -> float:
    """Seconds from its composing until the provider took it."""
    draft = Draft(channel="sms", to="+447700900999", body="Now.", priority=Priority.URGENT)
    began = time.time()
    message = compose_message(rows.organization(), draft).message
    accepted = Event.objects.filter(message=message, kind="accepted")
    wait_for(accepted.exists)
    return accepted.get().recorded_at.timestamp() - began


def counted(stack: Stack) -> Figures:
    count, seconds = stack.run(taken)
    return {
        "% of the permitted rate": 100 * (count - 1) / seconds / PER_SECOND,
        "refused with 429": float(stack.run(refused)),
        "sent": count,
    }


def refused() -> int:
    return Attempt.objects.filter(error_code=TOO_MANY).count()


def taken() -> tuple[int, float]:
    """How many the provider took, and the seconds from the first to the last."""
    accepted = Event.objects.filter(kind="accepted").aggregate(
        count=Count("pk"),
        first=Min("occurred_at"),
        last=Max("occurred_at"),
    )
    return accepted["count"], (accepted["last"] - accepted["first"]).total_seconds()
