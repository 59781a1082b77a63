"""Why something asked of us cannot be done, in a sentence for whoever asked.

What can go wrong with a provider is in `wedsync_comms.lib.errors`.
"""


class Refused(ValueError):
    """What was given cannot be taken; `field` is what to change, the text says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class InvalidAddress(ValueError):
    """Says to a person what is wrong with an address."""


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


class NotPossible(Exception):
    """Says to a person why not: it is in a state that forbids it."""


class KeySpent(NotPossible):
    """The idempotency key belongs to this request, whose message was removed since."""


class StorageAway(Exception):
    """The storage of files does not answer: nothing was done, and later it may be."""


class FileGone(Exception):
    """The storage answers, and does not have the file that it was given: says so to a person."""

    def __init__(self, message: str, file: int) -> None:
        super().__init__(message)
        # The id of the stored file.
        self.file = file


class FilesBusy(Exception):
    """As many files are read at the moment as may be; in a second it may be another's turn."""


class Stale(Exception):
    """It changed since it was looked at: look again."""


class Unmatched(Exception):
    """A provider's event is about something we do not know, or not yet."""
