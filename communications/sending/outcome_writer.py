"""answers -> written down together, as many as have come, in one transaction."""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import structlog
from django.db import connection

from communications.sending import provider_call
from communications.sending.outcomes import Answer

log = structlog.get_logger(__name__)

# What other calls in flight are answered meanwhile is written down together.
GATHER_SECONDS = 0.1
# How many answers are written down in one transaction at most.
SETTLED_AT_ONCE = 100


class Settling:
    """A thread that writes down what providers answered."""

    def __init__(self, in_flight: Callable[[], int]) -> None:
        self.in_flight = in_flight
        self.answers: SimpleQueue[Answer | None] = SimpleQueue()
        self.thread = threading.Thread(target=self.run, name="settle")

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Returns when all is written down."""
        self.answers.put(None)
        self.thread.join()

    def add(self, answer: Answer) -> None:
        self.answers.put(answer)

    def waiting(self) -> int:
        return self.answers.qsize()

    def run(self) -> None:
        while self.settle_some():
            continue
        connection.close()

    def settle_some(self) -> bool:
        """Waits for an answer, and writes down all there are; False after the last."""
        answers = [self.answers.get()]
        if self.in_flight() > 1:
            time.sleep(GATHER_SECONDS)
        while len(answers) < SETTLED_AT_ONCE and not self.answers.empty():
            answers.append(self.answers.get())
        if found := [one for one in answers if one is not None]:
            self.settle(found)
        return None not in answers

    def settle(self, answers: Sequence[Answer]) -> None:
        """One that cannot be written takes none of the others along."""
        try:
            provider_call.conclude(answers)
        except Exception as error:
            connection.close_if_unusable_or_obsolete()
            if len(answers) > 1:
                for one in answers:
                    self.settle([one])
                return
            log.exception("outcome_not_recorded", error=repr(error))
