"""What of a calendar could not be taken over: each entry by itself, with its reason, and again."""

from collections.abc import Callable
from dataclasses import replace

import structlog
from django.db import InterfaceError, OperationalError, transaction

from calendars.errors import failure_reason
from calendars.models import Calendar, EventLink
from calendars.providers.base import Gone, GrantGone, Mailbox
from calendars.vocabulary.events import EventChanges, RemoteEvent, Removed
from wedsync_comms.lib.errors import CredentialsRejected, ProviderError, RateLimited

log = structlog.get_logger(__name__)

# Kept with a calendar, and asked for again at each reading.
MAX_KEPT, MAX_TRIED_AGAIN = 200, 20
MAX_REASON, MAX_SHOWN_TITLE = 300, 120


class Unapplied:
    """The entries of one reading that could not be taken over: remote id -> title and reason.

    Without titles where the calendar's are not to be shown here.
    """

    def __init__(self, *, shows_titles: bool) -> None:
        self.shows_titles = shows_titles
        self.entries: dict[str, dict[str, str]] = {}

    def add(self, event: RemoteEvent, reason: str) -> None:
        title = event.text.title[:MAX_SHOWN_TITLE] if self.shows_titles else ""
        self.entries[event.id] = {"title": title, "reason": reason[:MAX_REASON]}

    def attempt(self, event: RemoteEvent, apply: Callable[[], bool]) -> bool:
        """Applies one entry in a transaction of its own. Returns whether it was new to us.

        Whatever is wrong with it is stored with it, and ends nothing but itself. Raises only what
        is wrong with the database.
        """
        try:
            with transaction.atomic():
                return apply()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.exception("not_applied", remote_id=event.id)
            self.add(event, failure_reason(error))
            return False

    def kept(self, before: dict[str, dict[str, str]], seen: set[str]) -> dict[str, dict[str, str]]:
        """Returns what the calendar keeps: of what was kept, all that was not seen again."""
        left = {remote_id: entry for remote_id, entry in before.items() if remote_id not in seen}
        return dict(list({**left, **self.entries}.items())[:MAX_KEPT])


def mark_link_unapplied(link: EventLink, reason: str) -> None:
    problem = f"What is said of it in the calendar could not be taken over: {reason}"
    EventLink.objects.filter(pk=link.pk).update(problem=problem)


def with_unapplied(box: Mailbox, calendar: Calendar, changes: EventChanges) -> EventChanges:
    """Returns the changes, and what could not be taken over before, read again.

    Raises what is wrong with the mailbox, and not what is wrong with one entry.
    """
    told = {item.id for item in changes.items}
    again = [remote_id for remote_id in calendar.unapplied if remote_id not in told]
    items: list[RemoteEvent | Removed] = []
    for remote_id in again[:MAX_TRIED_AGAIN]:
        try:
            items.append(box.event(calendar.remote_id, remote_id))
        except Gone:
            items.append(Removed(id=remote_id))
        except (GrantGone, CredentialsRejected, RateLimited):
            raise
        except ProviderError as error:
            log.info("not_read_again", calendar=calendar.pk, error=str(error))
    return replace(changes, items=(*items, *changes.items), read_again=len(items))
