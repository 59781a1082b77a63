"""Whose turn it is: first come, first served within a lane; the lanes run side by side."""

import asyncio
from collections import OrderedDict, deque
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        # With what was taken and is not done.
        self._busy: dict[str, T | None] = {}

    def push(self, lane: str, item: T) -> None:
        queue = self._waiting.setdefault(lane, deque())
        queue.append(item)
        if len(queue) == 1 and lane not in self._busy:
            self._ready.put_nowait(lane)

    async def take(self) -> tuple[str, T | None]:
        lane = await self._ready.get()
        queue = self._waiting.get(lane)
        self._busy[lane] = queue.popleft() if queue else None
        return lane, self._busy[lane]

    def done(self, lane: str) -> None:
        self._busy.pop(lane, None)
        if self._waiting.get(lane):
            self._ready.put_nowait(lane)
        else:
            self._waiting.pop(lane, None)

    def clear(self) -> None:
        self._waiting.clear()

    def dump(self) -> Any:
        """Returns all; what is under way comes first, as nobody knows whether it arrived."""
        busy = [(lane, item) for lane, item in self._busy.items() if item is not None]
        return busy + [(lane, item) for lane, queue in self._waiting.items() for item in queue]

    def load(self, kept: Any, _owner: object) -> None:
        self.clear()
        for lane, item in kept:
            self.push(lane, item)

    def __len__(self) -> int:
        """Returns how many are not done, those under way among them."""
        return len(self.dump())
