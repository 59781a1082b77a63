"""Memory with limits: what the sandbox has seen, counted, and what it will do later."""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

MAX_ITEMS = 20_000
MAX_BYTES = 512 * 1024 * 1024
MAX_REQUESTS = 5_000

T = TypeVar("T")


class Shelf(Generic[T]):
    """The newest items by id. The oldest fall off when there are too many or too much of them."""

    def __init__(self, *, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._items: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, key: str, item: T, size: int) -> None:
        self._items[key] = (item, size)
        self._bytes += size
        while len(self._items) > self._max_items or self._bytes > self._max_bytes:
            _, (_, dropped) = self._items.popitem(last=False)
            self._bytes -= dropped
            self.evicted += 1

    def find(self, key: str) -> T | None:
        found = self._items.get(key)
        return found[0] if found else None

    def remove(self, key: str) -> None:
        _, size = self._items.pop(key)
        self._bytes -= size

    def newest(self) -> Iterator[T]:
        """Reads a copy, so that whoever iterates slowly does not meet a changed shelf."""
        return (item for item, _ in reversed(list(self._items.values())))

    def clear(self) -> None:
        self._items.clear()
        self._bytes = 0
        self.evicted = 0

    def dump(self) -> Any:
        items = [(key, item, size) for key, (item, size) in self._items.items()]
        return {"evicted": self.evicted, "items": items}

    def load(self, kept: Any, _owner: object) -> None:
        self.clear()
        for key, item, size in kept["items"]:
            self.put(key, item, size)
        self.evicted = kept["evicted"]


class Ledger:
    """Counters, and a revision that tells the page whether it has to read anything again."""

    KEPT = ("revision", "_counts")

    def __init__(self) -> None:
        self.revision = 0
        self._counts: Counter[str] = Counter()

    def count(self, name: str, by: int = 1) -> None:
        self._counts[name] += by
        self.revision += 1

    def touch(self) -> None:
        self.revision += 1

    def as_json(self) -> dict[str, int]:
        return dict(self._counts)

    def clear(self) -> None:
        self._counts.clear()
        # Never back to a number the page has seen with other contents.
        self.revision += 1


class Timers:
    """What will happen later, and can all be called off.

    An act is a method of the timers' owner, and what it is called with: that can be written down.
    """

    def __init__(self) -> None:
        self._pending: dict[asyncio.TimerHandle, tuple[float, str, tuple[Any, ...]]] = {}

    def later(self, seconds: float, act: Callable[..., None], *given: Any) -> None:
        def ring() -> None:
            self._pending.pop(handle, None)
            act(*given)

        handle = asyncio.get_running_loop().call_later(max(0.0, seconds), ring)
        self._pending[handle] = (time.time() + seconds, act.__name__, given)

    def clear(self) -> None:
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()

    def dump(self) -> Any:
        return list(self._pending.values())

    def load(self, kept: Any, owner: object) -> None:
        """Loads the state; what was due meanwhile happens at once."""
        self.clear()
        for due_at, name, given in kept:
            self.later(due_at - time.time(), getattr(owner, name), *given)


@dataclass(frozen=True)
class SeenRequest:
    at: str
    method: str
    path: str
    idempotency_key: str | None
    status: int | None
    milliseconds: float
    faults: tuple[str, ...]


class RequestLog:
    def __init__(self) -> None:
        self._seen: deque[SeenRequest] = deque(maxlen=MAX_REQUESTS)

    def add(self, request: SeenRequest) -> None:
        self._seen.append(request)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        return [asdict(request) for request in list(self._seen)[: -limit - 1 : -1]]

    def clear(self) -> None:
        self._seen.clear()
