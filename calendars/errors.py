"""Why an appointment cannot be made, beside what `communications.errors` says; and why something
that a vendor tells cannot be taken over."""

from django.db import DataError

from communications.errors import InvalidAddress, NotPossible, Refused


class NotFree(NotPossible):
    """The time is taken, or nobody can tell: another time, or later."""


def failure_reason(error: Exception) -> str:
    """Returns why an entry or a person could not be taken over, for people; the log has all of it.

    What is meant for people already is told as it is.
    """
    if isinstance(error, DataError):
        return "Something in it is too long to be kept."
    if isinstance(error, (InvalidAddress, NotPossible, Refused)):
        return str(error)
    return f"It cannot be understood ({type(error).__name__})."
