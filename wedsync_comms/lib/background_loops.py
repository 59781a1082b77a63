"""Loops that long-running processes carry along, each in a thread of its own.

Whoever registers one need not know which processes there are, and they need not know it: where
dispatchers and workers both carry a loop, the end of either leaves it running in the other. A loop
that must act only once takes a lease.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.database.connections import give_back_connection

log = structlog.get_logger(__name__)


class LoopStep(Protocol):
    def __call__(self) -> float:
        """Does what is to be done now, and returns the seconds until the next time."""


# How long after a step that failed: the database, Redis, or a bug of ours.
FAILURE_PAUSE_S = 5.0

# The database or Redis, for a while.
AWAY = (DatabaseError, shared_state.Unavailable)

_makers: dict[str, Callable[[], LoopStep]] = {}


def register(name: str, maker: Callable[[], LoopStep]) -> None:
    """`maker` is called once in each process that carries the loop along."""
    _makers[name] = maker


@dataclass
class BackgroundLoops:
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def stop(self) -> None:
        self.stopping.set()

    def loop(self, name: str, step: LoopStep) -> None:
        while not self.stopping.wait(self.guarded(name, step)):
            pass
        connection.close()

    def guarded(self, name: str, step: LoopStep) -> float:
        try:
            pause_s = step()
        except AWAY as error:
            log.warning("background_loop_waits", loop=name, error=str(error))
        except Exception:
            # A bug in one step must not end the rest.
            log.exception("background_loop_failed", loop=name)
        else:
            # There are more loops than connections in a process's pool.
            give_back_connection()
            return pause_s
        connection.close()
        return FAILURE_PAUSE_S


def start() -> BackgroundLoops:
    """Starts all that are registered. They end with the process, or when they are stopped."""
    loops = BackgroundLoops()
    for name, maker in _makers.items():
        thread = threading.Thread(
            target=loops.loop,
            args=(name, maker()),
            name=name,
            daemon=True,
        )
        loops.threads.append(thread)
        thread.start()
    return loops
