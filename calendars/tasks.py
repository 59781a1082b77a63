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
    """Reads a calendar of which something was announced."""
    return sync.pull_calendar(calendar)


def pull_due() -> None:
    """Reads, as a safety net, what was announced and not read, and what is to be polled."""
    enqueue.after_commit(enqueue.PULL, sync.pulls_due())


def write(link: int) -> bool:
    """Writes an appointment that was just booked or changed."""
    return push.push_appointment(link)


def write_due() -> None:
    enqueue.after_commit(enqueue.WRITE, push.links_due())


def tend(account: int) -> None:
    """Maintains the subscriptions of an account that was linked, or that a vendor complained of."""
    lifecycle.maintain_subscriptions(account)


def tend_due() -> None:
    enqueue.after_commit(enqueue.TEND, lifecycle.accounts_to_maintain())


def tell_due() -> int:
    """Changes that have been quiet for long enough."""
    return send.send_due_notifications()


def remind() -> int:
    return plan.plan_reminders()


def list_calendars() -> int:
    return accounts.refresh_all_calendars()


def reseal_grants() -> int:
    return grants.reseal_stale()


def sync_people_due() -> None:
    """Address books: what was announced, and what is to be polled."""
    enqueue.after_commit(enqueue.SYNC_PEOPLE, contact_sync.due_books())


def sync_people(book: int) -> bool:
    """Synchronises a book that somebody wants read now."""
    return contact_sync.sync_book(book)
