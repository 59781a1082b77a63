"""results -> recorded together, as many as have come, in one transaction."""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import structlog
from django.db import connection

from communications.sending import provider_call
from communications.sending.outcomes import CallResult

log = structlog.get_logger(__name__)

# What other calls in flight are answered meanwhile is recorded together.
GATHER_SECONDS = 0.1
# How many results are recorded in one transaction at most.
RECORDED_AT_ONCE = 100


class OutcomeWriter:
    """A thread that records what providers answered."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self.in_flight = in_flight
        self.results: SimpleQueue[CallResult | None] = SimpleQueue()
        self.thread = threading.Thread(target=self.run, name="outcomes")

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Returns when all is recorded."""
        self.results.put(None)
        self.thread.join()

    def add(self, result: CallResult) -> None:
        self.results.put(result)

    def waiting(self) -> int:
        return self.results.qsize()

    def run(self) -> None:
        while self.write_some():
            continue
        connection.close()

    def write_some(self) -> bool:
        """Waits for a result, and records all there are; False after the last."""
        results = [self.results.get()]
        if self.in_flight() > 1:
            time.sleep(GATHER_SECONDS)
        while len(results) < RECORDED_AT_ONCE and not self.results.empty():
            results.append(self.results.get())
        if found := [result for result in results if result is not None]:
            self.write(found)
        return None not in results

    def write(self, results: Sequence[CallResult]) -> None:
        """Records them. One that cannot be recorded takes none of the others along."""
        try:
            provider_call.conclude_calls(results)
        except Exception as error:
            connection.close_if_unusable_or_obsolete()
            if len(results) > 1:
                for result in results:
                    self.write([result])
                return
            log.exception("outcome_not_recorded", error=repr(error))
