"""inbox -> apply what is due; announced texts -> fetch them: two threads of dispatchers."""

import threading
from collections.abc import Callable

import structlog
from django.db import connection

from communications.receiving import bodies, deliveries
from communications.receiving.inbox import Inbox
from wedsync_comms.lib.database.connections import give_back_connection
from wedsync_comms.lib.wakeup import WakeupListener

log = structlog.get_logger(__name__)

# The safety net under the wake-ups; a partial index makes an idle look free.
INBOX_POLL_S = 0.1
# The same for texts; the schedule tries again what fails.
TEXTS_POLL_S = 5.0
# How long a database that is away is left alone.
INBOX_OUTAGE_S = 1.0


class WebhookWorker:
    """Applies webhooks in a thread of its own until `stop()`, whatever fails meanwhile.

    What a webhook only announced is fetched in another: a provider that is slow to tell a text
    keeps no receipt waiting.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.applied = threading.Event()
        self.inbox = Inbox()
        self.threads = [
            threading.Thread(target=self.run, name="inbox"),
            threading.Thread(target=self.run_texts, name="texts"),
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Returns when what it is at is done."""
        self.stopping.set()
        self.applied.set()
        for thread in self.threads:
            thread.join()

    def run(self) -> None:
        with WakeupListener(deliveries.INBOX) as listener:
            while not self.stopping.is_set():
                if not self.apply_webhooks():
                    listener.wait(INBOX_POLL_S)
        connection.close()

    def run_texts(self) -> None:
        while not self.stopping.is_set():
            self.applied.wait(TEXTS_POLL_S)
            self.applied.clear()
            self.guarded(bodies.fetch_bodies)
            give_back_connection()
        connection.close()

    def apply_webhooks(self) -> bool:
        """Returns whether there was anything to apply."""
        applied = self.guarded(self.apply_due)
        if applied:
            self.applied.set()
        return applied > 0

    def apply_due(self) -> int:
        return deliveries.apply_due(self.inbox)

    def guarded(self, step: Callable[[], int]) -> int:
        """Returns what a step has done; 0, after a pause, if it failed."""
        try:
            return step()
        except Exception:
            # The database, Redis, or a bug of ours: this thread must outlive it.
            log.exception("inbox_failed")
            connection.close()
            self.stopping.wait(INBOX_OUTAGE_S)
            return 0
