"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm.

What is due is handed out one by one: a vendor that hangs holds up one calendar, and not all.
"""

from calendars import enqueue
from calendars.contacts import sync as contact_sync
from calendars.linking import accounts
from calendars.mailbox import grants
from calendars.notifications import plan, send
from calendars.subscriptions import lifecycle
from calendars.sync import (
    pull as sync,
)
from calendars.sync import (
    push,
)


def pull(calendar: int) -> bool:
    """Something was announced."""
    return sync.pull(calendar)


def pull_due() -> None:
    """The safety net: what was announced and not read, and what is to be polled."""
    for calendar in sync.due():
        enqueue.pull(calendar)


def write(link: int) -> bool:
    """An appointment was just booked or changed."""
    return push.write(link)


def write_due() -> None:
    for link in push.due():
        enqueue.write(link)


def tend(account: int) -> None:
    """An account was linked, or a vendor said that a subscription needs care."""
    lifecycle.tend(account)


def tend_due() -> None:
    for account in lifecycle.accounts():
        enqueue.tend(account)


def tell_due() -> int:
    """Changes that have been quiet for long enough."""
    return send.send_due_notifications()


def remind() -> int:
    return plan.plan_reminders()


def list_calendars() -> int:
    return accounts.list_all()


def reseal_grants() -> int:
    return grants.reseal()


def sync_people_due() -> None:
    """Address books: what was announced, and what is to be polled."""
    for book in contact_sync.due_books():
        enqueue.sync_people(book)


def sync_people(book: int) -> bool:
    """Somebody wants it now."""
    return contact_sync.sync_book(book)
