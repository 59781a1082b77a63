"""What other apps show to staff: polled in each live process, sent when it changes.

They register a source in their `ready` and are known here by nothing else. A source is asked every
few seconds while somebody from staff is connected, so it must be cheap; a channel layer is not
needed for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import structlog
from django.db import DatabaseError, InterfaceError, connection
from redis import RedisError

log = structlog.get_logger(__name__)

SOURCE_POLL_SECONDS = 2.0
# A frame as JSON text: the same text means that nothing has changed.
FrameSource = Callable[[], str]
Queue = asyncio.Queue[tuple[int, str] | None]

_sources: list[FrameSource] = []


def register_source(source: FrameSource) -> None:
    """Has a source polled for staff, once however often it is registered."""
    if source not in _sources:
        _sources.append(source)


def read_source(source: FrameSource) -> str:
    """Returns the source's frame as JSON text; blank while it cannot be read."""
    try:
        return source()
    except (DatabaseError, InterfaceError, RedisError):
        log.exception("staff_source_not_read")
        connection.close()
        return ""


class StaffFeed:
    """The newest frame of every source, in this process."""

    def __init__(self, thread: Executor) -> None:
        self.thread = thread
        self.newest: dict[FrameSource, str] = {}
        self.readers: set[Queue] = set()
        self.polling: asyncio.Task[None] | None = None

    def join(self, queue: Queue) -> None:
        """Puts the newest frames into the queue, and those that follow until it leaves."""
        if self.polling is None or self.polling.done():
            # Nobody has polled for a while: the frames may be out of date.
            self.newest.clear()
            self.polling = asyncio.create_task(self.poll_sources())
        for frame in self.newest.values():
            enqueue_frame(queue, frame)
        self.readers.add(queue)

    def leave(self, queue: Queue) -> None:
        """Puts nothing more into the queue."""
        self.readers.discard(queue)

    async def poll_sources(self) -> None:
        """Asks every source, every two seconds, until no reader is left."""
        loop = asyncio.get_running_loop()
        while self.readers:
            for source in _sources:
                self.post(source, await loop.run_in_executor(self.thread, read_source, source))
            await asyncio.sleep(SOURCE_POLL_SECONDS)

    def post(self, source: FrameSource, frame: str) -> None:
        if not frame or frame == self.newest.get(source):
            return
        self.newest[source] = frame
        for queue in self.readers:
            enqueue_frame(queue, frame)


def enqueue_frame(queue: Queue, frame: str) -> None:
    # Whoever is this far behind is let go anyway, and finds the newest when it comes back.
    if queue.qsize() < queue.maxsize - 1:
        queue.put_nowait((0, frame))
