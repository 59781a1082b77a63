"""One of many processes does it: who takes a lease keeps it as long as it comes back in time.

In the database also where there is a Redis: what holds leases has to notice that Redis is away.
"""

from functools import partial

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.shared_state import State


def acquire(name: str, holder: str, seconds: float) -> bool:
    """Takes or extends the lease for so many seconds. Returns whether it is the holder's now."""
    return shared_state.update_row(
        f"lease:{name}", partial(acquired_state, holder=holder, seconds=seconds)
    )


def release(name: str, holder: str) -> None:
    """Ends the holder's lease before its time, and leaves another holder's alone."""
    shared_state.update_row(f"lease:{name}", partial(released_state, holder=holder))


def revoke(name: str) -> None:
    """Ends the lease, whoever holds it."""
    shared_state.update_row(f"lease:{name}", lambda _state, _now: ({}, None))


def acquired_state(
    state: State | None, now: float, *, holder: str, seconds: float
) -> tuple[State, bool]:
    if state and state["holder"] != holder and is_running(state, now):
        return state, False
    return {"holder": holder, "until": now + seconds, "seconds": seconds}, True


def released_state(state: State | None, _now: float, *, holder: str) -> tuple[State, None]:
    return ({} if state and state["holder"] == holder else state or {}), None


def is_running(state: State, now: float) -> bool:
    """Returns whether it runs: not for ever, whatever a clock that was set back says."""
    return bool(now < state["until"] <= now + state["seconds"])
