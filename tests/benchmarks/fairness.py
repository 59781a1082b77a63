"""What organizations that share an account wait for each other, and what their turns cost.

One message of an organization behind 5,000 of another's, at 100 a second, with three dispatchers.
The parts of 300 organizations with a campaign each, by weights of 1 to 4, as claims share them out
among three processes. And a claim where 1,000 organizations have 200,000 messages queued
(`--messages`) beside one where 10 have 2,000; its statements may neither read nor sort a backlog.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from communications.live import event_stream
from communications.models import Event, Message, Organization
from communications.sending import claims
from communications.sending.fairness import OrganizationTurns
from communications.vocabulary.events import Kind
from tests.benchmarks import report, rows
from tests.benchmarks.history import multiply
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.sending import beating_since
from tests.benchmarks.stack import Machine, Stack, wait_for

FLOOD = 5_000
PER_SECOND = 100
DISPATCHERS = 3
SINGLES = 5

SHARING = 300
# As often may each organization be served, times its weight.
TURNS_BY_WEIGHT = 25
CLAIM = 30
ROUNDS = 3
REPETITIONS = 10
TWILIO = ("sms", "twilio")


def run(machine: Machine, messages: int) -> Iterator[Row]:
    stacks = (machine.postgres_with_redis(), machine.sqlite_alone())
    waits: dict[str, Callable[[], Figures]] = {
        stack.name: partial(wait_behind_flood, stack) for stack in stacks
    }
    yield from report.rows(measured(waits, 1), *waits)
    for what, figure in machine.postgres_alone("parts").run(parts).items():
        yield Row(what, f"{SHARING} organizations", figure)
    sizes = {"1,000 organizations": (1_000, messages), "10 organizations": (10, 2_000)}
    variants: dict[str, Callable[[], Figures]] = {}
    for name, (organizations, queued) in sizes.items():
        stack = machine.postgres_alone(name)
        stack.run(fill, organizations, queued)
        variants[f"{name}, {queued:,} queued"] = partial(stack.run, costs)
    yield from report.rows(measured(variants, ROUNDS), *variants)


# --- one message behind a flood -----------------------------------------------------------------


def wait_behind_flood(stack: Stack) -> Figures:
    stack.sandbox.control("PATCH", "/twilio", {"rate_per_second": PER_SECOND})
    began = timezone.now()
    with ExitStack() as dispatchers:
        for _ in range(DISPATCHERS):
            dispatchers.enter_context(stack.running("dispatcher"))
        wait_for(lambda: stack.run(beating_since, began) == DISPATCHERS)
        stack.run(rows.due, FLOOD, "sms")
        time.sleep(2)
        waited = [stack.run(single, number) for number in range(SINGLES)]
    stack.run(rows.clear_outbox)
    seconds, places = zip(*waited, strict=True)
    return {
        "one message waited, ms": 1000 * median(seconds),
        "longest, ms": 1000 * max(seconds),
        "of the other left meanwhile": median(places),
    }


def single(number: int) -> tuple[float, int]:
    """Returns the seconds until the provider took it, and how many others it took meanwhile."""
    organization = Organization.objects.create(name=f"Quiet {number}", slug=f"quiet-{number}")
    message = sms(organization, number)
    began = timezone.now()
    message.send_after = began
    message.save()
    event_stream.wake_dispatchers()
    accepted = Event.objects.filter(kind=Kind.ACCEPTED)
    wait_for(accepted.filter(message=message).exists, look=0.01)
    at = accepted.get(message=message).occurred_at
    meanwhile = accepted.filter(occurred_at__gt=began, occurred_at__lt=at).count()
    return (at - began).total_seconds(), meanwhile


def sms(organization: Organization, number: int) -> Message:
    to = f"+447700{800_000 + number}"
    values = {"channel": "sms", "leg_channel": "sms", "to": to, "leg_to": to, "body": "See you."}
    return Message(organization=organization, **values)


# --- in the stack's own process: parts ----------------------------------------------------------


def parts() -> Figures:
    """Has three processes' turns claim a third of what is queued, and compares with the weights."""
    weights = {venue.pk: 1 + venue.pk % 4 for venue in organizations(SHARING)}
    for weight in set(weights.values()):
        venues = [pk for pk in weights if weights[pk] == weight]
        Organization.objects.filter(pk__in=venues).update(sending_weight=weight)
    total = sum(weights.values())
    queue(SHARING, 200 * SHARING)
    processes = [OrganizationTurns() for _ in range(DISPATCHERS)]
    taken = Counter[int]()
    for turns in cycle(processes):
        if taken.total() >= TURNS_BY_WEIGHT * total:
            break
        taken.update(take(turns, limit=100))
    fair = {pk: weight * taken.total() / total for pk, weight in weights.items()}
    off = [abs(taken[pk] - part) / part for pk, part in fair.items()]
    return {"furthest from its part, %": 100 * max(off), "median, %": 100 * median(off)}


def take(turns: OrganizationTurns, limit: int) -> list[int]:
    """Returns whose messages a claim would take, without the calls it would open for them."""
    with transaction.atomic():
        found = turns.lock_due(*TWILIO, ["", "twilio"], limit=limit)
        Message.objects.filter(pk__in=[row.pk for row in found]).update(send_after=None)
    turns.charge("twilio", [[message] for message in found], [])
    return [message.organization_id for message in found]


# --- in the stack's own process: costs ----------------------------------------------------------


def fill(count: int, queued: int) -> None:
    organizations(count)
    queue(count, queued)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    watched = Statements()
    with connection.execute_wrapper(watched):
        rolled_back(peek)
        rolled_back(partial(claim, OrganizationTurns()))
    for sql, values in watched.seen:
        check_plan(sql, values)


def organizations(count: int) -> list[Organization]:
    return Organization.objects.bulk_create(
        Organization(name=f"Venue {number}", slug=f"venue-{number}") for number in range(count)
    )


def queue(count: int, queued: int) -> None:
    """So many messages, of all organizations in turn, due in the order of their numbers."""
    first = Organization.objects.order_by("pk")[0]
    original = sms(first, 0)
    original.save()
    different = {
        "id": "md5('queued' || n)::uuid",
        "organization_id": f"{first.pk} + mod(n, {count})",
        "to": "'+4477008' || lpad(mod(n, 100000)::text, 5, '0')",
        "leg_to": "'+4477008' || lpad(mod(n, 100000)::text, 5, '0')",
        "send_after": "now() - interval '1 day' + n * interval '1 millisecond'",
    }
    multiply(original, different, queued)


def costs() -> Figures:
    turns = OrganizationTurns()
    return {
        "is something due, ms": 1000 * median(map(rolled_back, [peek] * REPETITIONS)),
        f"claim of {CLAIM}, ms": 1000
        * median(map(rolled_back, [partial(claim, turns)] * REPETITIONS)),
        "of it whose turn, ms": 1000
        * median(map(rolled_back, [partial(lock, turns)] * REPETITIONS)),
    }


def peek() -> None:
    claims.peek_priorities(*TWILIO, ["twilio"], CLAIM)


def claim(turns: OrganizationTurns) -> None:
    claims.claim_due(*TWILIO, usable=["twilio"], limit=CLAIM, turns=turns)


def lock(turns: OrganizationTurns) -> None:
    turns.lock_due(*TWILIO, ["", "twilio"], limit=CLAIM)


def rolled_back(work: Callable[[], None]) -> float:
    """Returns the seconds it took. Whatever it changed is taken back."""
    with transaction.atomic():
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    return took


class Statements:
    """Keeps what is asked of the database."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        values: Any,
        many: bool,  # noqa: FBT001 (Django hands it in)
        context: Any,
    ) -> Any:
        if "communications_message" in sql and not sql.startswith(("UPDATE", "INSERT")):
            self.seen.append((sql, values))
        return execute(sql, values, many, context)


def check_plan(sql: str, values: Sequence[Any]) -> None:
    """Raises RuntimeError where a statement reads or sorts more than a claim is about."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    if "Seq Scan on communications_message" in plan or "Bitmap Index Scan on message_" in plan:
        raise RuntimeError(f"A claim reads the backlog:\n{plan}")
