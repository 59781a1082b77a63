"""Every few seconds, in one process of many: what no webhook told is asked for.

Carried along by dispatchers and workers (`lib.background_loops`). django-q2's schedules do the same
once a minute, as the safety net under it.
"""

import os
import socket

from communications.sending import reconciliation, silent_receipts
from wedsync_comms.lib.leases import process_lease

RECONCILE_EVERY_S = 5.0
# Longer than one round of questions takes; then another process takes over.
RECONCILER_LEASE_S = 60.0
RECONCILER = "reconciler"


class Reconciler:
    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}"

    def __call__(self) -> float:
        if process_lease.acquire(RECONCILER, self.holder, RECONCILER_LEASE_S):
            reconciliation.resolve_unknown()
            silent_receipts.ask_silent_providers()
        return RECONCILE_EVERY_S
