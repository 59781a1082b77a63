"""Why an appointment cannot be made or changed, in a sentence for whoever asked."""


class Refused(ValueError):
    """`field` is what to change, the text says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotFree(Exception):
    """The time is taken, or nobody can tell: another time, or later."""


class Stale(Exception):
    """It changed since it was looked at: look again."""


class NotPossible(Exception):
    """Not with an appointment in this state."""
