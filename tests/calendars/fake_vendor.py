"""A fake vendor: all in this process, with a clock and faults in the test's hand.

For what needs thousands of rounds. What vendors really say over HTTP is tested with the sandbox.
"""

import itertools
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils import timezone

from calendars.providers.base import (
    Changed,
    Consent,
    CursorExpired,
    Gone,
    GrantGone,
    Mailbox,
    SubscriptionExists,
    Vendor,
)
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
    Removed,
    Span,
)
from wedsync_comms.lib.errors import TransientError
from wedsync_comms.lib.web.webhook_request import WebhookRequest

LIFE = timedelta(days=7)


@dataclass
class FakeVendor(Vendor):
    """One calendar per remote id, made when it is first asked for."""

    label: ClassVar[str] = "Fake"
    scopes: ClassVar[Mapping[str, str]] = {"cal": "calendars", "con": "contacts"}
    overlapping_pushes: ClassVar[bool] = True
    pushes_people: ClassVar[bool] = False

    events: dict[str, dict[str, RemoteEvent]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    pushes: dict[str, RemoteSubscription] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    granted: tuple[str, ...] = ("cal", "con")
    problem: str = ""
    # The share of calls that fail before, and after they took effect.
    lost_before: float = 0.0
    lost_after: float = 0.0
    down: Exception | None = None
    forgets: bool = False
    empty: bool = False
    revoked: bool = False
    refreshes: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.numbers = itertools.count(1)
        self.made: dict[tuple[str, int], str] = {}

    def consent(self, redirect_uri: str, state: str) -> Consent:
        return Consent(
            f"https://vendor.example/?to={redirect_uri}&state={state}", {"verifier": "v"}
        )

    def redeem(self, flow: dict[str, Any], query: Mapping[str, str]) -> Grant:
        assert flow == {"verifier": "v"}
        if "error" in query:
            raise GrantGone(query["error"])
        return self.grant()

    def grant(self, **columns: Any) -> Grant:
        values = {
            "access_token": f"token-{next(self.numbers)}",
            "refresh_token": "refresh",
            "expires_at": timezone.now() + timedelta(hours=1),
            "scopes": self.granted,
            "subject": "me",
            "email": "planner@example.com",
            **columns,
        }
        return Grant(**values)

    def refresh(self, grant: Grant) -> Grant:
        self.refreshes += 1
        if self.revoked:
            raise GrantGone("revoked")
        return self.grant(subject=grant.subject, email=grant.email)

    def revoke(self, grant: Grant) -> None:  # noqa: ARG002
        self.revoked = True

    def mailbox(
        self,
        access_token: str,  # noqa: ARG002
        renew: Renew | None = None,  # noqa: ARG002
        zone: str = "UTC",  # noqa: ARG002
    ) -> "FakeMailbox":
        return FakeMailbox(self)

    def recognizes(self, request: WebhookRequest) -> bool:
        return "x-fake" in request.headers

    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        name, secret, what = request.headers["x-fake"].split()
        yield PushNotification(subscription=name, secret=secret, what=what)

    # What the other side does

    def put(self, calendar: str, event: RemoteEvent) -> RemoteEvent:
        with self.lock:
            event = replace(event, etag=f"e{next(self.numbers)}", updated_at=timezone.now())
            self.events.setdefault(calendar, {})[event.id] = event
            self.log.append((calendar, event.id))
            return event

    def edit(self, calendar: str, name: str, **text: Any) -> RemoteEvent:
        event = self.events[calendar][name]
        return self.put(calendar, replace(event, text=replace(event.text, **text)))

    def move(self, calendar: str, name: str, to: str) -> None:
        """It keeps its id."""
        event = self.events[calendar][name]
        self.delete(calendar, name)
        self.put(to, event)

    def delete(self, calendar: str, name: str) -> None:
        self.put(calendar, replace(self.events[calendar][name], is_cancelled=True))

    def live(self, calendar: str) -> list[RemoteEvent]:
        return [event for event in self.events.get(calendar, {}).values() if not event.is_cancelled]


class FakeMailbox(Mailbox):
    def __init__(self, fake_vendor: FakeVendor) -> None:
        self.fake_vendor = fake_vendor

    def asked(self, name: str) -> None:
        self.fake_vendor.calls.append(name)
        if self.fake_vendor.down:
            raise self.fake_vendor.down
        if self.fake_vendor.chance.random() < self.fake_vendor.lost_before:
            raise TransientError("503")

    def answered(self, event: RemoteEvent) -> RemoteEvent:
        if self.fake_vendor.chance.random() < self.fake_vendor.lost_after:
            raise TransientError("cut after commit")
        return event

    def calendars(self) -> list[RemoteCalendar]:
        self.asked("calendars")
        return [
            RemoteCalendar(id="main", name="Main", zone="UTC", may_write=True, is_primary=True),
            RemoteCalendar(id="holidays", name="Holidays"),
        ]

    def changes(
        self, calendar: str, cursor: str, *, start: datetime, end: datetime
    ) -> EventChanges:
        self.asked("changes")
        fake_vendor = self.fake_vendor
        with fake_vendor.lock:
            if cursor and fake_vendor.forgets:
                raise CursorExpired("410")
            known = fake_vendor.events.get(calendar, {})
            now = str(len(fake_vendor.log))
            if fake_vendor.empty:
                return EventChanges(items=(), cursor=now, is_full=not cursor)
            if not cursor:
                here = [part for part in known.values() if lies_within(part, start, end)]
                items = tuple(event for event in here if not event.is_cancelled)
                return EventChanges(items=items, cursor=now, is_full=True)
            names = dict.fromkeys(
                name for cal, name in fake_vendor.log[int(cursor) :] if cal == calendar
            )
            found = [known[name] for name in names]
            return EventChanges(
                items=tuple(
                    Removed(id=item.id) if item.is_cancelled and int(item.etag[1:]) % 2 else item
                    for item in found
                ),
                cursor=now,
                is_full=False,
            )

    def event(self, calendar: str, event: str) -> RemoteEvent:
        self.asked("event")
        found = self.fake_vendor.events.get(calendar, {}).get(event)
        if found is None or found.is_cancelled:
            raise Gone("404")
        return found

    def find_event(self, event: str, calendars: Sequence[str]) -> str:
        self.asked("find_event")
        for calendar in calendars:
            found = self.fake_vendor.events.get(calendar, {}).get(event)
            if found and not found.is_cancelled:
                return calendar
        return ""

    def create(
        self,
        calendar: str,
        text: EventText,
        *,
        key: str,
        generation: int,
        written_hash: str,
        notify: Notify,  # noqa: ARG002
    ) -> RemoteEvent:
        self.asked("create")
        fake_vendor = self.fake_vendor
        with fake_vendor.lock:
            name = f"{key}-{generation}"
            there = fake_vendor.events.get(calendar, {}).get(name)
            if there and there.is_cancelled:
                raise Gone("its id stays taken")
            made = there or fake_vendor.put(
                calendar,
                RemoteEvent(id=name, etag="", text=text, key=key, written_hash=written_hash),
            )
        return self.answered(made)

    def update(
        self,
        calendar: str,
        event: str,
        text: EventText,
        *,
        etag: str,
        written_hash: str,
        notify: Notify,  # noqa: ARG002
        before: EventText | None = None,  # noqa: ARG002
    ) -> RemoteEvent:
        self.asked("update")
        fake_vendor = self.fake_vendor
        with fake_vendor.lock:
            there = fake_vendor.events.get(calendar, {}).get(event)
            if there is None or there.is_cancelled:
                raise Gone("404")
            if there.etag != etag:
                raise Changed("412")
            made = fake_vendor.put(calendar, replace(there, text=text, written_hash=written_hash))
        return self.answered(made)

    def cancel(self, calendar: str, event: str, *, notify: Notify) -> None:  # noqa: ARG002
        self.asked("cancel")
        there = self.fake_vendor.events.get(calendar, {}).get(event)
        if there and not there.is_cancelled:
            self.fake_vendor.delete(calendar, event)

    def free_busy(self, calendars: Sequence[str], start: datetime, end: datetime) -> list[FreeBusy]:
        self.asked("free_busy")
        return [
            FreeBusy(
                calendar=calendar,
                problem=self.fake_vendor.problem,
                spans=tuple(
                    Span(start=e.text.start.instant, end=e.text.end.instant)
                    for e in self.fake_vendor.live(calendar)
                    if e.is_busy and lies_within(e, start, end)
                ),
            )
            for calendar in calendars
        ]

    def subscribe(self, resource: str, *, id: str, url: str, secret: str) -> RemoteSubscription:  # noqa: A002, ARG002
        self.asked("subscribe")
        fake_vendor = self.fake_vendor
        if not fake_vendor.overlapping_pushes and resource in fake_vendor.resources.values():
            error = SubscriptionExists("409")
            error.existing = next(k for k, v in fake_vendor.resources.items() if v == resource)
            raise error
        push = RemoteSubscription(id=id, resource_id=f"r-{id}", expires_at=timezone.now() + LIFE)
        fake_vendor.pushes[id], fake_vendor.resources[id] = push, resource
        return push

    def renew(self, push: RemoteSubscription) -> RemoteSubscription:
        self.asked("renew")
        if push.id not in self.fake_vendor.pushes:
            raise Gone("404")
        found = replace(push, expires_at=timezone.now() + LIFE)
        self.fake_vendor.pushes[push.id] = found
        return found

    def unsubscribe(self, push: RemoteSubscription) -> None:
        self.asked("unsubscribe")
        self.fake_vendor.pushes.pop(push.id, None)
        self.fake_vendor.resources.pop(push.id, None)

    def people(self, cursor: str, page: str = "", group: str = "") -> PeoplePage:  # noqa: ARG002
        return PeoplePage(items=())

    def people_groups(self) -> list[PeopleGroup]:
        return []

    def person(self, id: str) -> RemotePerson:  # noqa: A002
        raise Gone(id)

    def create_person(self, person: RemotePerson) -> RemotePerson:
        return person

    def update_person(self, person: RemotePerson) -> RemotePerson:
        return person

    def delete_person(self, id: str) -> None:  # noqa: A002
        raise Gone(id)


def lies_within(event: RemoteEvent, start: datetime, end: datetime) -> bool:
    return event.text.start.instant < end and event.text.end.instant > start
