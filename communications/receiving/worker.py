"""inbox -> apply what is due -> fetch the texts that were announced: a thread of dispatchers."""

import threading

import structlog
from django.db import connection

from communications.receiving import bodies, deliveries
from wedsync_comms.lib.wakeup import WakeupListener

log = structlog.get_logger(__name__)

# The safety net under the wake-ups; a partial index makes an idle look free.
INBOX_POLL_S = 0.1
# How long a database that is away is left alone.
INBOX_OUTAGE_S = 1.0


class WebhookWorker:
    """Applies webhooks in a thread of its own until `stop()`, whatever fails meanwhile."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, name="inbox")

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Returns when what it is at is done."""
        self.stopping.set()
        self.thread.join()

    def run(self) -> None:
        with WakeupListener(deliveries.INBOX) as listener:
            while not self.stopping.is_set():
                if not self.apply_webhooks():
                    listener.wait(INBOX_POLL_S)
        connection.close()

    def apply_webhooks(self) -> bool:
        """Returns whether there was anything to apply."""
        try:
            applied = deliveries.apply_due()
            if applied:
                # What a webhook only announced is wanted now; the schedule tries again what fails.
                bodies.fetch_bodies()
        except Exception:
            # The database, Redis, or a bug of ours: this thread must outlive it.
            log.exception("inbox_failed")
            connection.close()
            self.stopping.wait(INBOX_OUTAGE_S)
            return False
        return applied > 0
