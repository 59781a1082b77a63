"""Which providers this process reaches: no connection -> nothing is claimed -> asked every two
seconds -> reached again.

What nothing of has left says nothing about a message, so none is used to try the way: a question
that sends nothing (`Provider.probe`) is, on a connection of its own. The first failure stops this
process at once; one that a question confirms is told to everybody, by the circuit breaker. Another
machine may have a way where this one has none: whichever is answered closes the breaker again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue

import structlog
from django.conf import settings
from django.utils import timezone

from communications.policy.unavailability import unreached_clause
from communications.providers import registry
from communications.sending.outcomes import CallResult
from communications.sending.provider_call import connection_failure
from wedsync_comms.lib.breaker import UNREACHABLE
from wedsync_comms.lib.errors import NoConnection, ProviderError

log = structlog.get_logger(__name__)

ASK_EVERY_S = 2.0
# Where another machine reaches what this one does not, it says so again only this often: each time
# the other one stops for a moment.
TELL_EVERY_S = 30.0

# Runs a question to a provider, or has it run.
Start = Callable[[Callable[[], None]], None]


@dataclass
class Outage:
    """A provider that was not reached. `ask_at` and `tell_at` are on `time.monotonic`."""

    since: datetime
    ask_at: float = 0.0
    tell_at: float = 0.0
    is_asked: bool = False


def in_a_thread_of_its_own(work: Callable[[], None]) -> None:
    """Sessions belong to threads: a new one connects anew, where old connections may still live."""
    threading.Thread(target=work, name="reachability", daemon=True).start()


class Reachability:
    """The dispatcher calls `watch` from its own thread; `note` may be called from any."""

    def __init__(self, start: Start = in_a_thread_of_its_own) -> None:
        self.start = start
        self.outages: dict[str, Outage] = {}
        self.answers: SimpleQueue[tuple[str, NoConnection | None]] = SimpleQueue()

    def note(self, called: CallResult) -> None:
        """Takes notice of a call of which nothing has left."""
        if connection_failure(called) is not None:
            self.outages.setdefault(called.claim.call.provider, Outage(timezone.now()))

    def is_reached(self, slug: str) -> bool:
        return slug not in self.outages

    def watch(self) -> None:
        """Asks about what is not reached, as far as it is time, and takes the answers."""
        for slug in settings.PROVIDERS:
            state = registry.breaker_for(slug).state()
            if state.cause == UNREACHABLE and state.opened_at:
                # Found out elsewhere, or before this process was started.
                self.outages.setdefault(slug, Outage(state.opened_at))
        for slug, outage in list(self.outages.items()):
            if not outage.is_asked and time.monotonic() >= outage.ask_at:
                outage.is_asked = True
                self.start(lambda slug=slug: self.ask(slug))  # type: ignore[misc]
        while not self.answers.empty():
            self.take_answer(*self.answers.get())

    def ask(self, slug: str) -> None:
        self.answers.put((slug, find_connection(slug)))

    def take_answer(self, slug: str, failure: NoConnection | None) -> None:
        breaker = registry.breaker_for(slug)
        if failure is None:
            self.outages.pop(slug, None)
            breaker.reached()
            return
        outage, now = self.outages[slug], time.monotonic()
        outage.is_asked, outage.ask_at = False, now + ASK_EVERY_S
        if now >= outage.tell_at:
            outage.tell_at = now + TELL_EVERY_S
            breaker.close_off(unreached_clause(slug, failure.why), since=outage.since)


def find_connection(slug: str) -> NoConnection | None:
    """Returns why there is no connection to a provider; None if there is one, or if nothing but a
    message can tell."""
    try:
        registry.provider_for(slug).probe()
    except NoConnection as error:
        return error
    except (ProviderError, LookupError):
        # It was asked, and answered something.
        return None
    except Exception:
        log.exception("provider_crashed", provider=slug)
    return None
