"""How often something happened lately, at next to no cost, however often it is made to happen.

A stranger can post forged webhooks as fast as the network carries them. Each process sums up what
it saw and adds it to the shared count at most once a second; what a dying process had not added
yet is lost, which is no harm to a number that says "many".
"""

import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.shared_state import State

# One count a minute, for so many minutes.
WIDTH = 60
KEPT = 60
QUIET = 1.0

_lock = threading.Lock()
_pending: Counter[str] = Counter()
_quiet_until: dict[str, float] = defaultdict(float)


def count_event(name: str) -> None:
    """Raises `shared_state.Unavailable` if Redis is away; it is counted all the same, later."""
    with _lock:
        _pending[name] += 1
        if time.monotonic() < _quiet_until[name]:
            return
        _quiet_until[name] = time.monotonic() + QUIET
        count = _pending.pop(name)
    try:
        shared_state.update_state(
            tally_key(name), lambda state, now: (with_count(state, now, count), None)
        )
    except shared_state.Unavailable:
        with _lock:
            _pending[name] += count
        raise


def count_since(name: str, minutes: int = KEPT) -> int:
    """In the last so many minutes, the present one included; an hour is all that is known."""
    state, now = shared_state.peek(tally_key(name))
    counts = (state or {}).get("counts", {})
    return sum(count for minute, count in counts.items() if int(minute) > now // WIDTH - minutes)


def last_counted(name: str) -> datetime | None:
    at = (shared_state.read_state(tally_key(name)) or {}).get("last")
    return datetime.fromtimestamp(at, UTC) if at else None


def total_count(name: str) -> int:
    """Since it was first counted: only grows."""
    return int((shared_state.read_state(tally_key(name)) or {}).get("total", 0))


def with_count(state: State | None, now: float, count: int) -> State:
    before = state or {"counts": {}, "total": 0}
    kept = {at: n for at, n in before["counts"].items() if int(at) > now // WIDTH - KEPT}
    minute = str(int(now // WIDTH))
    kept[minute] = kept.get(minute, 0) + count
    return {"counts": kept, "total": before["total"] + count, "last": now}


def tally_key(name: str) -> str:
    return f"tally:{name}"
