"""The contract between us and a calendar vendor: who allowed us what, and one person's mailbox.

Vendors take options and talk HTTP. They know no models and no settings. Errors are those of
`wedsync_comms.lib.errors`, and the ones below, which are about calendars.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from calendars.providers.token import Renew
from calendars.vocabulary.events import (
    EventChanges,
    EventText,
    FreeBusy,
    Grant,
    Notify,
    PeopleGroup,
    PeoplePage,
    PushNotification,
    RemoteCalendar,
    RemoteEvent,
    RemotePerson,
    RemoteSubscription,
)
from wedsync_comms.lib.errors import PermanentError
from wedsync_comms.lib.web.webhook_request import WebhookRequest


class GrantGone(PermanentError):
    """The person took the permission back, or it ran out: only a new consent helps."""


class AdminConsented(PermanentError):
    """An administrator agreed for all of an organization, and nobody's account came of it yet."""


class CursorExpired(PermanentError):
    """The cursor cannot be continued from: everything must be read again."""


class Changed(PermanentError):
    """Somebody else wrote it meanwhile (its etag is another one): read it again, and merge."""


class Gone(PermanentError):
    """It is not there (any more)."""


class PollOnly(PermanentError):
    """The vendor announces no changes of this calendar."""


class SubscriptionExists(PermanentError):
    """There is one for it already; `existing` is its id where the vendor names it."""

    existing: str = ""


@dataclass(frozen=True)
class Consent:
    """Where the person is sent to, and what has to be kept until they come back."""

    url: str
    flow: dict[str, Any] = field(repr=False)


class Vendor(ABC):
    """One registered application at one vendor. Safe to use from threads."""

    # What it is called on pages.
    label: ClassVar[str]
    # What is asked for, and what each is for: scope -> "calendars" or "contacts".
    scopes: ClassVar[Mapping[str, str]]
    # Whether a second subscription may exist while the first is still alive.
    overlapping_pushes: ClassVar[bool]
    # Whether changes of contacts are announced.
    pushes_people: ClassVar[bool]

    @abstractmethod
    def consent(self, redirect_uri: str, state: str) -> Consent:
        """Starts an authorization code flow with PKCE, asking for offline access."""

    @abstractmethod
    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        """Turns the `query` the person came back with into a grant. Raises GrantGone if they
        refused, TransientError."""

    @abstractmethod
    def refresh(self, grant: Grant) -> Grant:
        """Raises GrantGone; TransientError and RateLimited where it may be tried again."""

    @abstractmethod
    def revoke(self, grant: Grant) -> None:
        """Gives the permission back, where the vendor has a way to."""

    @abstractmethod
    def mailbox(
        self, access_token: str, renew: Renew | None = None, zone: str = "UTC"
    ) -> "Mailbox":
        """Opens what the token opens. Use it in one thread. `renew` gives another where the vendor
        does not take this one. `zone` is the owner's: a day without a place is a day there."""

    @abstractmethod
    def recognizes(self, request: WebhookRequest) -> bool:
        """Returns whether a push is in this vendor's form."""

    @abstractmethod
    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        """Returns what a push says; does not verify its secrets. Raises MalformedRequest."""


class Mailbox(ABC):
    """One person's calendars and contacts.

    Every method may raise GrantGone, CredentialsRejected, RateLimited, TransientError and
    PermanentError. Those that write raise OutcomeUnknown only where a repetition is not safe:
    subscribing, and creating a person at Google. Whatever else raises TransientError may be done
    again as it is. Texts are written as far as they differ, so what did not change is told nobody.
    """

    @abstractmethod
    def calendars(self) -> list[RemoteCalendar]: ...

    @cached_property
    def listed_calendars(self) -> list[RemoteCalendar]:
        """The calendars as they were when somebody first asked this mailbox for them."""
        return self.calendars()

    @abstractmethod
    def changes(
        self, calendar: str, cursor: str, *, start: datetime, end: datetime
    ) -> EventChanges:
        """Reads all pages since `cursor`; everything between start and end where it is blank.

        A series comes as its occurrences, never as itself (which `event` tells). What is missing
        from a full round is gone, or it lies outside of the window. Raises CursorExpired, also when
        the window's end has moved on from the cursor's by more than a week.
        """

    @abstractmethod
    def event(self, calendar: str, event: str) -> RemoteEvent:
        """Raises Gone."""

    @abstractmethod
    def find_event(self, event: str, calendars: Sequence[str]) -> str:
        """Returns the id of the calendar that an event stands in; blank: in none of them.

        People move events from one calendar into another. A vendor that tells by itself where an
        event is names that one, whether it is among those that are asked about or not.
        """

    @abstractmethod
    def create(
        self,
        calendar: str,
        text: EventText,
        *,
        key: str,
        generation: int,
        written_hash: str,
        notify: Notify,
    ) -> RemoteEvent:
        """Creates it exactly once per key and generation, however often it is called.

        Created before, it is given back as it is now. Raises Gone if it was deleted since: only
        another generation can be created.
        """

    @abstractmethod
    def update(
        self,
        calendar: str,
        event: str,
        text: EventText,
        *,
        etag: str,
        written_hash: str,
        notify: Notify,
        before: EventText | None = None,
    ) -> RemoteEvent:
        """Writes what is different from `before` (what stands there), and leaves all else as it is.

        Raises Changed and Gone.
        """

    @abstractmethod
    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:
        """Cancels the event; it may be gone already."""

    @abstractmethod
    def free_busy(self, calendars: Sequence[str], start: datetime, end: datetime) -> list[FreeBusy]:
        """Returns one per calendar, in order; what cannot be told is a `problem`, never free.

        An address in place of a calendar's id asks about somebody else's main calendar.
        """

    @abstractmethod
    def subscribe(self, resource: str, *, id: str, url: str, secret: str) -> RemoteSubscription:  # noqa: A002
        """Announces changes of a calendar (by its id) or of people ("people") to `url`.

        `id` is ours and is taken where the vendor takes one. Raises PollOnly, SubscriptionExists.
        """

    @abstractmethod
    def renew(self, push: RemoteSubscription) -> RemoteSubscription:
        """Raises Gone; PollOnly where it cannot be renewed but only be replaced."""

    @abstractmethod
    def unsubscribe(self, push: RemoteSubscription) -> None:
        """Ends the subscription; it may be gone already."""

    @abstractmethod
    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:
        """Reads a page: since `cursor`, or of everything if that is blank. Raises CursorExpired.

        `page` is the page before's `next_page`, asked for with the same cursor and group. Microsoft
        tells no keys here.
        """

    @abstractmethod
    def people_groups(self) -> list[PeopleGroup]: ...

    @abstractmethod
    def person(self, id: str) -> RemotePerson:  # noqa: A002
        """Raises Gone."""

    @abstractmethod
    def create_person(self, person: RemotePerson) -> RemotePerson:
        """Creates it once per `person.key`; ignores its id and etag; its groups are where it goes.

        After an OutcomeUnknown Google needs minutes until it shows what it made; it then comes
        with its key.
        """

    @abstractmethod
    def update_person(self, person: RemotePerson) -> RemotePerson:
        """Writes name, emails, phones, company and notes. Raises Changed and Gone.

        Phones may come back in another order: Microsoft keeps them in fields.
        """

    @abstractmethod
    def delete_person(self, id: str) -> None:  # noqa: A002
        """Deletes the contact; it may be gone already."""
