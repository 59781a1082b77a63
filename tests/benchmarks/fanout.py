"""Frames a second to 200 WebSockets of one organization, and whether every socket got every event.

Another process writes a burst of 1,000 events, 50 a commit; then 20 events a second, one a commit,
whose delay is counted from their recording to their arrival. One `live` process as in the Procfile.
A socket that is let go comes back with its last id, as a browser does.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from communications.live import event_stream
from communications.models import Event, Message
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from tests.benchmarks import report, rows
from tests.benchmarks.client import Browser, browser
from tests.benchmarks.report import Figures, Row, measured, milliseconds
from tests.benchmarks.stack import Machine, Stack

SOCKETS = 200
AT_ONCE = 20
ROUNDS = 3
# Nothing more is coming when nothing came for so long: longer than the slowest look at the table.
SILENCE = 3.0


@dataclass(frozen=True)
class Traffic:
    commits: int
    per_commit: int
    pause: float

    @property
    def events(self) -> int:
        return self.commits * self.per_commit


BURST = Traffic(commits=20, per_commit=50, pause=0.0)
PACED = Traffic(commits=80, per_commit=1, pause=0.05)


class Viewer:
    """A person at a page: a connection that ends is followed by one that begins where it ended."""

    def __init__(self, first: Browser, port: int, token: str) -> None:
        self.connections = [first]
        self.following = asyncio.create_task(self.follow(port, token))

    async def follow(self, port: int, token: str) -> None:
        last = 0
        while True:
            await self.connections[-1].lost.wait()
            last = max([last, *self.arrivals()])
            self.connections.append(await browser(port, token, since=last))

    def forget(self) -> None:
        self.connections = self.connections[-1:]
        self.connections[0].frames.clear()

    @property
    def frames(self) -> list[tuple[float, bytes]]:
        return [frame for connection in self.connections for frame in connection.frames]

    def arrivals(self) -> dict[int, float]:
        """Event id -> when it was there first."""
        found: dict[int, float] = {}
        for at, text in self.frames:
            found.setdefault(event_id(text), at)
        return found


def run(machine: Machine, _: int) -> Iterator[Row]:
    with ExitStack() as exits:
        loop = exits.enter_context(asyncio.Runner())
        variants = {}
        for stack in (machine.postgres_with_redis(), machine.postgres_alone()):
            port = exits.enter_context(stack.serving("live"))
            viewers = loop.run(opened(port, stack.run(rows.token)))
            variants[stack.name] = partial(both, loop, stack, viewers)
        found = measured(variants, ROUNDS)
    yield from report.rows(found, *variants)


async def opened(port: int, token: str) -> list[Viewer]:
    found: list[Browser] = []
    for _ in range(SOCKETS // AT_ONCE):
        found += await asyncio.gather(*(browser(port, token) for _ in range(AT_ONCE)))
    return [Viewer(connection, port, token) for connection in found]


def both(loop: asyncio.Runner, stack: Stack, viewers: list[Viewer]) -> Figures:
    return loop.run(burst(stack, viewers)) | loop.run(paced(stack, viewers))


async def burst(stack: Stack, viewers: list[Viewer]) -> Figures:
    began = time.time()
    ids = await watched(stack, viewers, BURST)
    arrived = [viewer.arrivals() for viewer in viewers]
    last = max(max(moment.values(), default=began) for moment in arrived)
    got = sum(len(ids & moment.keys()) for moment in arrived)
    return {
        "burst: frames/s": got / (last - began),
        "burst: arrived, %": 100 * got / (SOCKETS * len(ids)),
        "burst: sockets let go and back": sum(len(viewer.connections) - 1 for viewer in viewers),
    }


async def paced(stack: Stack, viewers: list[Viewer]) -> Figures:
    ids = await watched(stack, viewers, PACED)
    delays = [delay(frame) for viewer in viewers for frame in viewer.frames]
    got = sum(len(ids & viewer.arrivals().keys()) for viewer in viewers)
    return {
        **milliseconds("paced: recorded to frame", delays, 0.5, 0.99),
        "paced: arrived, %": 100 * got / (SOCKETS * len(ids)),
    }


async def watched(stack: Stack, viewers: list[Viewer], traffic: Traffic) -> set[int]:
    """The ids of the events written; returns when all arrived everywhere or nothing comes."""
    for viewer in viewers:
        viewer.forget()
    ids = await asyncio.wrap_future(stack.start(write, traffic))
    received, since = 0, time.monotonic()
    while time.monotonic() - since < SILENCE:
        counts = [len(viewer.frames) for viewer in viewers]
        if min(counts) >= traffic.events:
            break
        if sum(counts) != received:
            received, since = sum(counts), time.monotonic()
        await asyncio.sleep(0.05)
    return ids


def event_id(text: bytes) -> int:
    """Without parsing the rest: there are 200,000 of them, on the cores that are measured."""
    return int(text.split(b", ", 2)[1].removeprefix(b'"id": '))


def delay(frame: tuple[float, bytes]) -> float:
    at, text = frame
    return at - datetime.fromisoformat(json.loads(text)["at"]).timestamp()


def write(traffic: Traffic) -> set[int]:
    message = Message.objects.create(
        organization=rows.organization(),
        channel="email",
        leg_channel="email",
        to="guest@example.com",
        leg_to="guest@example.com",
        subject="Your day",
        status=Status.SENT,
    )
    ids: set[int] = set()
    for _ in range(traffic.commits):
        ids |= {event.pk for event in commit(message, traffic.per_commit)}
        time.sleep(traffic.pause)
    return ids


def commit(message: Message, count: int) -> list[Event]:
    with transaction.atomic():
        event_stream.announce_events()
        return Event.objects.bulk_create(event(message) for _ in range(count))


def event(message: Message) -> Event:
    now = timezone.now()
    return Event(
        organization_id=message.organization_id,
        message=message,
        kind=Kind.SENT,
        source=Source.WEBHOOK,
        message_status=Status.SENT,
        occurred_at=now,
        recorded_at=now,
    )
