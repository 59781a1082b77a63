"""What apps to our right have to tell staff: asked for in each live process, sent when it changes.

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
    if source not in _sources:
        _sources.append(source)


def read_source(source: FrameSource) -> str:
    """Blank while the source cannot tell."""
    try:
        return source()
    except (DatabaseError, InterfaceError, RedisError):
        log.exception("notice_not_read")
        connection.close()
        return ""


class StaffFeed:
    """The newest notice of every source, in this process."""

    def __init__(self, thread: Executor) -> None:
        self.thread = thread
        self.newest: dict[FrameSource, str] = {}
        self.readers: set[Queue] = set()
        self.asking: asyncio.Task[None] | None = None

    def join(self, queue: Queue) -> None:
        """The queue gets what is on the board now, and what is put there later."""
        if self.asking is None or self.asking.done():
            # Nobody has asked for a while: what is on the board may be out of date.
            self.newest.clear()
            self.asking = asyncio.create_task(self.ask_on())
        for notice in self.newest.values():
            enqueue_frame(queue, notice)
        self.readers.add(queue)

    def leave(self, queue: Queue) -> None:
        self.readers.discard(queue)

    async def ask_on(self) -> None:
        """Ends by itself when nobody is left to tell."""
        loop = asyncio.get_running_loop()
        while self.readers:
            for source in _sources:
                self.post(source, await loop.run_in_executor(self.thread, read_source, source))
            await asyncio.sleep(SOURCE_POLL_SECONDS)

    def post(self, source: FrameSource, notice: str) -> None:
        if not notice or notice == self.newest.get(source):
            return
        self.newest[source] = notice
        for queue in self.readers:
            enqueue_frame(queue, notice)


def enqueue_frame(queue: Queue, notice: str) -> None:
    # Whoever is this far behind is let go anyway, and finds the newest when it comes back.
    if queue.qsize() < queue.maxsize - 1:
        queue.put_nowait((0, notice))
