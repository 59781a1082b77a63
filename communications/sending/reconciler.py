"""Every few seconds, in one process of many: what no webhook told is asked for.

Carried along by dispatchers and workers (`lib.background_loops`). django-q2's schedules do the same
once a minute, as the safety net under it.
"""

import os
import socket
from collections.abc import Callable
from functools import partial

from django.conf import settings

from communications.sending import receipt_polling, reconciliation
from communications.sending.asking_round import ROUND_S
from wedsync_comms.lib import background_loops
from wedsync_comms.lib.leases import process_lease

RECONCILE_EVERY_S = 5.0
# Longer than one round of questions takes with the last of them; then another process takes over.
RECONCILER_LEASE_S = ROUND_S + 40.0


class Reconciler:
    """One kind of question, asked by whichever process holds its lease."""

    def __init__(self, name: str, ask: Callable[[], int]) -> None:
        self.name = name
        self.ask = ask
        self.holder = f"{socket.gethostname()}:{os.getpid()}"

    def __call__(self) -> float:
        is_mine = process_lease.acquire(self.name, self.holder, RECONCILER_LEASE_S)
        # After an answer there may be more to ask at once.
        return 0.0 if is_mine and self.ask() else RECONCILE_EVERY_S


def lost_answers_of(slug: str) -> int:
    """Returns how many lost answers of a provider were found out about."""
    return reconciliation.resolve_unknown_at(slug)


def receipts_of(slug: str) -> int:
    """Returns about how many messages a provider was asked for their receipts."""
    return receipt_polling.poll_provider(slug) if receipt_polling.has_receipts(slug) else 0


QUESTIONS: dict[str, Callable[[str], int]] = {
    "lost answers": lost_answers_of,
    "receipts": receipts_of,
}


def register_loops() -> None:
    """Has dispatchers and workers carry the questions along.

    Each has a loop of its own for each provider: one that hangs keeps nobody else waiting.
    """
    for name, ask in QUESTIONS.items():
        for slug in settings.PROVIDERS:
            loop = f"{name} of {slug}"
            background_loops.register(loop, partial(Reconciler, loop, partial(ask, slug)))
