"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from calendars import contact_sync, grants, linking, subscriptions, sync, writing


def pull(calendar: int) -> bool:
    """Something was announced."""
    return sync.pull(calendar)


def pull_due() -> int:
    """The safety net: what was announced and not read, and what is to be polled."""
    return sync.pull_due()


def write(link: int) -> bool:
    """An appointment was just booked or changed."""
    return writing.write(link)


def write_due() -> int:
    return writing.write_due()


def tend(account: int) -> None:
    """An account was linked, or a vendor said that a subscription needs care."""
    subscriptions.tend(account)


def tend_due() -> int:
    return subscriptions.tend_due()


def list_calendars() -> int:
    return linking.list_all()


def reseal_grants() -> int:
    return grants.reseal()


def sync_people_due() -> int:
    """Address books: what was announced, and what is to be polled."""
    return contact_sync.sync_due()


def sync_people(book: int) -> bool:
    """Somebody wants it now."""
    return contact_sync.sync(book)
