"""Event table -> one reader a process -> a bounded queue per connection.

Channels' own fan-out hops to a shared thread for every delivered frame; a thousand browsers cost it
200 ms. Here a frame is read once, encoded once and put into the queues it concerns.
"""

import asyncio
import contextlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, connection
from redis import RedisError

from communications.live import event_stream
from communications.live.staff_feed import Queue, StaffFeed

log = structlog.get_logger(__name__)

# Between two looks at the table: without a channel layer, and as the net under one.
POLL_SECONDS = 0.2
POLL_WITH_LAYER_SECONDS = 2.0
# A browser this far behind is let go; it comes back with its last id and misses nothing.
QUEUE_LIMIT = 1_000
OVERFLOW = None
# A burst is handed out in pieces. Between two, whoever is behind is waited for, up to a second:
# who reads at all is not let go for the size of a burst.
READ_BATCH = 250
PATIENCE_SECONDS = 0.01
PATIENCE_STEPS = 100


class Hub:
    """The readers' side of the stream in this process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.queues: dict[int, set[Queue]] = defaultdict(set)
        self.reader: asyncio.Task[None] | None = None
        self.woken = asyncio.Event()
        # A thread of its own keeps one database connection for all the reading.
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="stream")
        self.cursor: event_stream.StreamCursor | None = None
        self.placed = asyncio.Event()
        self.staff_feed = StaffFeed(self.thread)

    async def join(self, organization: int) -> Queue:
        """Returns a queue that gets every frame of the organization from now on."""
        queue: Queue = asyncio.Queue(QUEUE_LIMIT)
        if self.reader is None or self.reader.done():
            self.cursor = None
            self.placed.clear()
            self.reader = asyncio.create_task(self.read())
        # Whoever joined before the cursor stands could miss what comes in between.
        await self.placed.wait()
        self.queues[organization].add(queue)
        return queue

    def leave(self, organization: int, queue: Queue) -> None:
        self.queues[organization].discard(queue)
        if not self.queues[organization]:
            del self.queues[organization]

    async def read(self) -> None:
        waker = asyncio.create_task(self.listen()) if get_channel_layer() else None
        pause = POLL_WITH_LAYER_SECONDS if waker else POLL_SECONDS
        try:
            while True:
                if await self.advance():
                    await self.drain()
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.woken.wait(), pause)
                self.woken.clear()
        finally:
            if waker:
                waker.cancel()

    async def listen(self) -> None:
        """Wakes the reader when the channel layer says that there is something to read."""
        layer = get_channel_layer()
        while True:
            try:
                name = await layer.new_channel()
                await layer.group_add(event_stream.GROUP, name)
                while True:
                    await layer.receive(name)
                    self.woken.set()
            except (OSError, RedisError):
                # Meanwhile the poll underneath reads, a little later.
                log.exception("channel_layer_away")
                await asyncio.sleep(POLL_WITH_LAYER_SECONDS)

    async def advance(self) -> bool:
        """Hands out what is new; whether there may be more."""
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self.thread, self.fetch)
        except (DatabaseError, InterfaceError):
            log.exception("stream_not_read")
            return False
        self.placed.set()
        for row in rows:
            self.hand_out(row)
        return len(rows) >= READ_BATCH

    async def drain(self) -> None:
        for _ in range(PATIENCE_STEPS):
            if self.backlog() <= QUEUE_LIMIT // 2:
                break
            await asyncio.sleep(PATIENCE_SECONDS)

    def backlog(self) -> int:
        """Returns how many frames the reader has before it who is furthest behind."""
        return max(
            (queue.qsize() for queues in self.queues.values() for queue in queues), default=0
        )

    def fetch(self) -> list[dict[str, Any]]:
        try:
            if self.cursor is None:
                self.cursor = event_stream.StreamCursor.at_end()
            return list(self.cursor.read(READ_BATCH))
        except (DatabaseError, InterfaceError):
            connection.close()
            raise

    def hand_out(self, row: dict[str, Any]) -> None:
        organization = row["organization_id"]
        queues = self.queues.get(organization)
        if not queues:
            return
        item = (row["id"], event_stream.encode_frame(row))
        for queue in list(queues):
            if queue.qsize() < QUEUE_LIMIT - 1:
                queue.put_nowait(item)
            else:
                # The last place says so, behind all that is waiting: a gap before the end would be
                # lost, since the browser resumes after the last id it saw.
                queue.put_nowait(OVERFLOW)
                self.leave(organization, queue)


_hubs: dict[int, Hub] = {}


def current_hub() -> Hub:
    """Returns the hub of the running event loop; a server process has one."""
    loop = asyncio.get_running_loop()
    return _hubs.setdefault(id(loop), Hub())
