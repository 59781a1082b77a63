"""Why an appointment cannot be made, beside what `communications.errors` says."""

from communications.errors import NotPossible


class NotFree(NotPossible):
    """The time is taken, or nobody can tell: another time, or later."""
