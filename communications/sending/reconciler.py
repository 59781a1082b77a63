"""Every few seconds, in one process of many: what no webhook told is asked for.

Carried along by dispatchers and workers (`lib.background_loops`). django-q2's schedules do the same
once a minute, as the safety net under it.
"""

import os
import socket
from collections.abc import Callable
from functools import partial

from communications.sending import reconciliation, silent_receipts
from wedsync_comms.lib import background_loops
from wedsync_comms.lib.leases import process_lease

RECONCILE_EVERY_S = 5.0
# Longer than one round of questions takes (`reconciliation.ROUND_S`) with the last of them; then
# another process takes over.
RECONCILER_LEASE_S = 60.0


class Reconciler:
    """One kind of question, asked by whichever process holds its lease."""

    def __init__(self, name: str, ask: Callable[[], int]) -> None:
        self.name = name
        self.ask = ask
        self.holder = f"{socket.gethostname()}:{os.getpid()}"

    def __call__(self) -> float:
        if process_lease.acquire(self.name, self.holder, RECONCILER_LEASE_S):
            self.ask()
        return RECONCILE_EVERY_S


# Each in a loop of its own: a failure of one must not silence the other.
QUESTIONS: dict[str, Callable[[], int]] = {
    "lost answers": reconciliation.resolve_unknown,
    "silent receipts": silent_receipts.ask_silent_providers,
}


def register_loops() -> None:
    """Has dispatchers and workers carry the questions along."""
    for name, ask in QUESTIONS.items():
        background_loops.register(name, partial(Reconciler, name, ask))
