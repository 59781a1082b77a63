"""What the workers do, here and now."""

from calendars.sync import (
    pull,
    push,
)


def write_due() -> int:
    """How many appointments were written, or tried to be."""
    return sum(push.write(one) for one in push.due())


def pull_due() -> int:
    return sum(pull.pull(one) for one in pull.due())
