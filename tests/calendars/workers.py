"""What the workers do, here and now."""

from calendars import sync, writing


def write_due() -> int:
    """How many appointments were written, or tried to be."""
    return sum(writing.write(one) for one in writing.due())


def pull_due() -> int:
    return sum(sync.pull(one) for one in sync.due())
