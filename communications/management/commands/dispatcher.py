"""`manage.py dispatcher`: sends what is due and applies what came in, until it is told to stop."""

import gc
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from communications.sending.dispatcher import Dispatcher

SWITCH_SECONDS = 0.0005


class Command(BaseCommand):
    help = "Sends what is due and applies webhooks. Any number of these may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=48, help="Calls in flight at once.")

    def handle(self, *_: Any, threads: int, **__: Any) -> None:
        # A request must leave at its time, also while other threads calculate.
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded by now stays: looking through all of it for garbage takes a third of a
        # second, in which nothing leaves.
        gc.collect()
        gc.freeze()
        # The dispatcher looks for garbage itself, when there is time for it.
        gc.disable()
        dispatcher = Dispatcher(threads=threads)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: dispatcher.stop())
        dispatcher.run()
