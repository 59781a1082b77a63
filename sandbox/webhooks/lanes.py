"""Whose turn it is: first come, first served within a lane; the lanes run side by side."""

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._busy: set[str] = set()

    def push(self, lane: str, item: T) -> None:
        queue = self._waiting.setdefault(lane, deque())
        queue.append(item)
        if len(queue) == 1 and lane not in self._busy:
            self._ready.put_nowait(lane)

    async def take(self) -> tuple[str, T | None]:
        lane = await self._ready.get()
        self._busy.add(lane)
        queue = self._waiting.get(lane)
        return lane, queue.popleft() if queue else None

    def done(self, lane: str) -> None:
        self._busy.discard(lane)
        if self._waiting.get(lane):
            self._ready.put_nowait(lane)
        else:
            self._waiting.pop(lane, None)

    def clear(self) -> None:
        self._waiting.clear()

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())
