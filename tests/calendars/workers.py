"""What the workers do, here and now."""

from calendars.sync import (
    pull,
    push,
)


def write_due() -> int:
    """How many appointments were written, or tried to be."""
    return sum(push.push_appointment(row) for row in push.links_due())


def pull_due() -> int:
    return sum(pull.pull_calendar(calendar_pk) for calendar_pk in pull.pulls_due())
