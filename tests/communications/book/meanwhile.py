"""What goes on in another connection."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from communications.messages.transitions import (
    Change,
    record,
)
from communications.models import Message
from communications.vocabulary.events import Kind
from tests.connections import Closing


@contextmanager
def opened_all_the_time(messages: Sequence[Message]) -> Iterator[None]:
    """All of them together, again and again. Raises what that ended with, if it failed."""
    changes = [
        Change(message=message.pk, kind=Kind.OPENED, provider="resend") for message in messages
    ]
    stopping = threading.Event()

    def happen() -> None:
        while not stopping.is_set():
            record(changes)

    with Closing(1) as pool:
        happening = pool.submit(happen)
        try:
            yield
        finally:
            stopping.set()
        happening.result()
