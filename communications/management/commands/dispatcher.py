"""`manage.py dispatcher`: sends what is due and applies what came in, until it is told to stop."""

import gc
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from communications.sending.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Sends what is due and applies webhooks. Any number of these may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=48, help="Calls in flight at once.")

    def handle(self, *_: Any, threads: int, **__: Any) -> None:
        # What is loaded by now stays: looking through all of it for garbage takes a third of a
        # second, in which nothing leaves.
        gc.collect()
        gc.freeze()
        dispatcher = Dispatcher(threads=threads)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: dispatcher.stop())
        dispatcher.run()
