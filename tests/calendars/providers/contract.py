"""What every calendar vendor promises, tried on the sandbox over real HTTP.

A vendor's own test file subclasses these and names its side.
"""

import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from calendars.providers.base import (
    Changed,
    CursorExpired,
    Gone,
    GrantGone,
    Mailbox,
    SubscriptionExists,
)
from calendars.vocabulary.events import (
    Attendee,
    EventChanges,
    EventText,
    FreeBusy,
    Moment,
    Notify,
    PushNotification,
    RemoteEvent,
    RemotePerson,
    Removed,
    ResponseStatus,
)
from calendars.vocabulary.zones import at_wall
from tests.calendars.providers.vendor_harness import (
    CALLBACK,
    VendorHarness,
)
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    MalformedRequest,
    ProviderError,
    RateLimited,
    TransientError,
)
from wedsync_comms.lib.web.webhook_request import WebhookRequest

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
WINDOW = {"start": TODAY - timedelta(days=10), "end": TODAY + timedelta(days=100)}
DAY = (TODAY + timedelta(days=20)).replace(tzinfo=None)
ZONE = "Europe/Vienna"
GUESTS = (
    Attendee(email="amelia@example.com", name="Amelia Hart"),
    Attendee(email="noah@example.com", is_optional=True),
)
ADA = RemotePerson(
    id="",
    name="Ada Lovelace",
    given_name="Ada",
    family_name="Lovelace",
    emails=("ada@example.com", "countess@example.org"),
    phones=("+43 660 123456", "+43 1 234567"),
    company="Engines",
    notes="Allergic to figs",
    key="contact-1",
)


def tasting(**values: Any) -> EventText:
    return EventText(
        **{
            "title": "Cake tasting",
            "start": at_wall(DAY + timedelta(hours=14), ZONE),
            "end": at_wall(DAY + timedelta(hours=15, minutes=30), ZONE),
            "description": "Bring\nforks",
            "place": "Barn 4",
            **values,
        },
    )


def whole_day(**values: Any) -> EventText:
    days = (DAY + timedelta(days=1), DAY + timedelta(days=3))
    start, end = (Moment.midnight(day.date(), ZONE) for day in days)
    return tasting(start=start, end=end, is_all_day=True, **values)


def by_id(changes: EventChanges) -> dict[str, RemoteEvent | Removed]:
    return {change.id: change for change in changes.items}


def request_of(hook: Hook) -> WebhookRequest:
    return WebhookRequest(method="POST", url="", headers=hook.headers, body=hook.body)


class Contract:
    harness_class: ClassVar[type[VendorHarness]]

    @pytest.fixture(autouse=True)
    def _other_side(self, sandbox_server: SandboxServer) -> Iterator[None]:
        self.harness = self.harness_class(sandbox_server)
        self.harness.rest()
        yield
        self.harness.no_faults()

    @pytest.fixture
    def mailbox(self) -> Mailbox:
        return self.harness.mailbox()

    @pytest.fixture
    def calendar(self, mailbox: Mailbox) -> str:
        return next(calendar.id for calendar in mailbox.calendars() if calendar.is_primary)

    def everything(self, mailbox: Mailbox, calendar: str) -> EventChanges:
        return mailbox.changes(calendar, "", **WINDOW)

    def create(
        self, mailbox: Mailbox, calendar: str, text: EventText, **values: Any
    ) -> RemoteEvent:
        given = {"key": "appointment-1", "generation": 1, "written_hash": "one"}
        return mailbox.create(calendar, text, notify=Notify.ALL, **{**given, **values})

    def update(
        self, mailbox: Mailbox, calendar: str, event: RemoteEvent, text: EventText, **values: Any
    ) -> RemoteEvent:
        given = {"etag": event.etag, "written_hash": "two", "notify": Notify.ALL, **values}
        return mailbox.update(calendar, event.id, text, **given)


class ConsentContract(Contract):
    def test_the_person_is_sent_away_with_a_challenge_and_no_secret(self) -> None:
        consent = self.harness.vendor().consent(CALLBACK, "state-1")

        query = {name: value[0] for name, value in parse_qs(urlsplit(consent.url).query).items()}
        assert query["code_challenge_method"] == "S256"
        assert query["state"] == "state-1"
        assert query["redirect_uri"] == CALLBACK
        assert consent.flow["code_verifier"] not in consent.url
        assert set(self.harness.vendor().scopes) <= set(query["scope"].split())

    def test_what_they_come_back_with_becomes_a_grant(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")
        kept = json.loads(json.dumps(consent.flow))

        grant = vendor.redeem(kept, self.harness.consents(consent.url))

        assert grant.email == self.harness.owner
        assert grant.subject
        assert grant.refresh_token
        assert set(vendor.scopes) <= set(grant.scopes)
        assert timedelta(0) < grant.expires_at - datetime.now(UTC) <= timedelta(hours=1)
        assert grant.access_token not in repr(grant)

    def test_somebody_who_refuses_gives_no_grant(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")

        with pytest.raises(GrantGone):
            vendor.redeem(consent.flow, {"error": "access_denied", "state": "state-1"})

    @pytest.mark.parametrize("state", ["another", "", None])
    def test_an_answer_to_another_request_is_refused(self, state: str | None) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")
        query = self.harness.consents(consent.url)
        query.pop("state")

        with pytest.raises(GrantGone):
            vendor.redeem(consent.flow, query | ({"state": state} if state is not None else {}))

    def test_an_answer_without_a_code_is_refused(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")

        with pytest.raises(GrantGone):
            vendor.redeem(consent.flow, {"state": "state-1"})

    def test_a_code_is_good_once(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")
        query = self.harness.consents(consent.url)
        vendor.redeem(consent.flow, query)

        with pytest.raises(GrantGone):
            vendor.redeem(consent.flow, query)

    def test_another_verifier_gets_nothing(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent(CALLBACK, "state-1")
        query = self.harness.consents(consent.url)

        with pytest.raises(GrantGone):
            vendor.redeem({**consent.flow, "code_verifier": "x" * 64}, query)

    def test_a_wrong_secret_is_our_fault(self) -> None:
        vendor = self.harness.vendor("wrong")
        consent = vendor.consent(CALLBACK, "state-1")

        with pytest.raises(CredentialsRejected):
            vendor.redeem(consent.flow, self.harness.consents(consent.url))

    def test_a_refreshed_grant_opens_the_mailbox_and_is_the_same_persons(self) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)

        fresh = vendor.refresh(grant)

        assert fresh.access_token != grant.access_token
        assert (fresh.subject, fresh.email) == (grant.subject, grant.email)
        assert set(vendor.scopes) <= set(fresh.scopes)
        assert vendor.mailbox(fresh.access_token).calendars()

    def test_it_can_be_refreshed_again_and_again(self) -> None:
        vendor = self.harness.vendor()

        vendor.refresh(vendor.refresh(self.harness.grant(vendor)))

    def test_a_permission_that_was_taken_back_is_gone(self) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)
        self.harness.revoke()

        with pytest.raises(GrantGone):
            vendor.refresh(grant)

    def test_a_vendor_that_says_so_at_the_refresh_is_believed(self) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)
        self.harness.fault(grant_gone={})

        with pytest.raises(GrantGone):
            vendor.refresh(grant)

    def test_too_many_refreshes_wait_as_long_as_they_are_told_to(self) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)
        self.harness.fault(
            rate_limit={"retry_after": 42, "only": [f"POST {self.harness.token_path}"]}
        )

        with pytest.raises(RateLimited) as caught:
            vendor.refresh(grant)

        assert caught.value.retry_after == timedelta(seconds=42)

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": {"status": 503}},
            {"drop_connection": {}},
            {"bad_body": {"body": "empty"}},
        ],
    )
    def test_a_refresh_that_fails_by_accident_may_be_repeated(self, fault: dict[str, Any]) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)
        self.harness.fault(**fault)

        with pytest.raises(TransientError):
            vendor.refresh(grant)

        self.harness.no_faults()
        assert vendor.refresh(grant)

    def test_giving_it_back_raises_nothing_even_twice(self) -> None:
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)

        vendor.revoke(grant)
        vendor.revoke(grant)


class CalendarContract(Contract):
    def test_the_calendars_are_listed(self, mailbox: Mailbox) -> None:
        found = mailbox.calendars()

        assert [item.is_primary for item in found].count(True) == 1
        assert any(item.may_write for item in found)
        assert all(item.id and item.name for item in found)

    def test_an_access_token_that_is_no_good_is_rejected(self) -> None:
        with pytest.raises(CredentialsRejected):
            self.harness.vendor().mailbox("none").calendars()

    def test_a_call_that_was_refused_for_its_token_is_made_once_more_with_another(self) -> None:
        vendor = self.harness.vendor()
        asked_for = []

        def renew() -> str:
            asked_for.append(self.harness.grant(vendor).access_token)
            return asked_for[-1]

        mailbox = vendor.mailbox("none", renew)
        assert mailbox.calendars()
        assert mailbox.calendars()
        assert len(asked_for) == 1

    def test_a_second_refusal_is_final(self) -> None:
        with pytest.raises(CredentialsRejected):
            self.harness.vendor().mailbox("none", lambda: "neither").calendars()

    def test_an_access_token_that_has_run_out_is_rejected(self, mailbox: Mailbox) -> None:
        self.harness.fault(token_expired={})

        with pytest.raises(CredentialsRejected):
            mailbox.calendars()

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": {"status": 503}},
            {"status": {"status": 500}},
            {"drop_connection": {}},
            {"bad_body": {"body": "broken"}},
            {"bad_body": {"body": "empty"}},
        ],
    )
    def test_what_cannot_be_read_is_no_empty_list(
        self, mailbox: Mailbox, calendar: str, fault: dict[str, Any]
    ) -> None:
        self.harness.fault(**fault)

        with pytest.raises(TransientError):
            mailbox.calendars()
        with pytest.raises(TransientError):
            self.everything(mailbox, calendar)
        with pytest.raises(TransientError):
            mailbox.people("")
        with pytest.raises(TransientError):
            mailbox.people_groups()

    def test_too_many_requests_wait_as_long_as_they_are_told_to(self, mailbox: Mailbox) -> None:
        self.harness.fault(rate_limit={"retry_after": 77})

        with pytest.raises(RateLimited) as caught:
            mailbox.calendars()

        assert caught.value.retry_after == timedelta(seconds=77)

    # --- what has changed -----------------------------------------------------------------------

    def test_the_first_round_is_everything(self, mailbox: Mailbox, calendar: str) -> None:
        event = self.harness.adds(
            title="Viewing", start=f"{DAY:%Y-%m-%d}T10:00", zone=self.harness.zone
        )

        changes = self.everything(mailbox, calendar)

        assert changes.is_full
        found = by_id(changes)[event]
        assert isinstance(found, RemoteEvent)
        assert found.text.title == "Viewing"
        assert found.text.start == Moment(wall=DAY + timedelta(hours=10), zone=self.harness.zone)
        assert found.is_busy
        assert found.etag
        assert not found.key

    def test_a_day_is_told_alike_by_itself_and_among_others(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        event = self.harness.adds(
            title="Away",
            start=f"{DAY:%Y-%m-%d}T00:00",
            end=f"{DAY + timedelta(days=1):%Y-%m-%d}T00:00",
            all_day=True,
        )

        tracked = by_id(self.everything(mailbox, calendar))[event]

        assert isinstance(tracked, RemoteEvent)
        assert tracked.text.is_all_day
        assert tracked.text.start == Moment(wall=DAY, zone=self.harness.zone)
        assert mailbox.event(calendar, event).text == tracked.text

    def test_a_series_comes_as_its_occurrences(self, mailbox: Mailbox, calendar: str) -> None:
        changes = self.everything(mailbox, calendar)

        found = [
            change
            for change in changes.items
            if isinstance(change, RemoteEvent) and change.series_id
        ]
        assert len({item.id for item in found}) == len(found) > 10
        assert len({item.series_id for item in found}) == 1
        assert len({item.text.start.wall.time() for item in found}) == 1
        assert all(item.text.title and item.is_busy for item in found)
        assert not any(change.id == found[0].series_id for change in changes.items)

    def test_the_next_round_is_what_happened_since(self, mailbox: Mailbox, calendar: str) -> None:
        moved, deleted = (
            self.harness.adds(title=title, start=f"{DAY:%Y-%m-%d}T10:00") for title in ("A", "B")
        )
        first = self.everything(mailbox, calendar)
        self.harness.changes(
            moved,
            start=f"{DAY:%Y-%m-%d}T16:30",
            end=f"{DAY:%Y-%m-%d}T17:30",
            zone=self.harness.zone,
        )
        self.harness.deletes(deleted)

        second = mailbox.changes(calendar, first.cursor, **WINDOW)
        third = mailbox.changes(calendar, second.cursor, **WINDOW)

        found = by_id(second)
        assert set(found) == {moved, deleted}
        assert not second.is_full
        there = found[moved]
        assert isinstance(there, RemoteEvent)
        assert there.text.start.wall == DAY + timedelta(hours=16, minutes=30)
        gone = found[deleted]
        assert isinstance(gone, Removed) or gone.is_cancelled
        assert third.items == ()

    def test_many_pages_are_one_answer(self, mailbox: Mailbox, calendar: str) -> None:
        for number in range(4):
            self.harness.adds(
                title=f"Series {number}",
                start="2026-01-05T10:00",
                recurrence=self.daily_for_two_years,
            )
        long = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2028, 1, 1, tzinfo=UTC)}

        changes = mailbox.changes(calendar, "", **long)

        daily = [
            change
            for change in changes.items
            if isinstance(change, RemoteEvent) and change.text.title.startswith("Series")
        ]
        assert len(daily) == len({event.id for event in daily}) == 4 * 700
        assert mailbox.changes(calendar, changes.cursor, **long).items == ()

    daily_for_two_years: ClassVar[Any]

    @pytest.mark.parametrize("cursor", ["nonsense", "[]", '["x","y"]', "{}", "null", '["a","b",7]'])
    def test_a_cursor_that_is_none_of_ours_has_expired(
        self, mailbox: Mailbox, calendar: str, cursor: str
    ) -> None:
        with pytest.raises(CursorExpired):
            mailbox.changes(calendar, cursor, **WINDOW)
        with pytest.raises(CursorExpired):
            mailbox.people(cursor)

    def test_a_cursor_of_another_version_has_expired(self, mailbox: Mailbox, calendar: str) -> None:
        cursor = self.everything(mailbox, calendar).cursor.replace("-1", "-0", 1)

        with pytest.raises(CursorExpired):
            mailbox.changes(calendar, cursor, **WINDOW)

    def test_every_way_to_say_that_a_cursor_has_expired_is_understood(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        cursor, people = self.everything(mailbox, calendar).cursor, mailbox.people("").cursor
        for fault in self.harness.expiries:
            self.harness.fault(**fault)

            with pytest.raises(CursorExpired):
                mailbox.changes(calendar, cursor, **WINDOW)
            with pytest.raises(CursorExpired):
                mailbox.people(people)

    def test_a_window_that_has_moved_on_is_read_anew(self, mailbox: Mailbox, calendar: str) -> None:
        cursor = self.everything(mailbox, calendar).cursor
        start, end = WINDOW["start"], WINDOW["end"]

        mailbox.changes(calendar, cursor, start=start, end=end + timedelta(days=6))

        with pytest.raises(CursorExpired):
            mailbox.changes(calendar, cursor, start=start, end=end + timedelta(days=8))

    def test_a_calendar_that_is_not_there_is_no_empty_one(self, mailbox: Mailbox) -> None:
        with pytest.raises(Gone):
            self.everything(mailbox, "nowhere")

    # --- writing --------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "text",
        [
            tasting(),
            tasting(title="", description="", place=""),
            tasting(title="Größe & <b>ñ</b> 🎂"),
            tasting(attendees=GUESTS),
            whole_day(),
            whole_day(attendees=GUESTS),
            tasting(
                start=at_wall(DAY + timedelta(hours=9), "Asia/Kathmandu"),
                end=at_wall(DAY + timedelta(hours=10), "Asia/Kathmandu"),
            ),
            tasting(
                start=at_wall(datetime.fromisoformat("2027-10-31T02:30").replace(fold=1), ZONE),
                end=at_wall(datetime.fromisoformat("2027-10-31T03:30"), ZONE),
            ),
        ],
        ids=range(8),
    )
    def test_what_is_written_is_what_is_read(
        self, mailbox: Mailbox, calendar: str, text: EventText
    ) -> None:
        before = mailbox.changes(
            calendar, "", start=WINDOW["start"], end=datetime(2028, 1, 1, tzinfo=UTC)
        )

        made = self.create(mailbox, calendar, text)

        assert made.text == text
        assert made.text.start.instant == text.start.instant
        assert made.text.start.wall.fold == text.start.wall.fold
        assert (made.key, made.written_hash, made.problem) == ("appointment-1", "one", "")
        assert made.organizer == self.harness.owner
        stored = mailbox.event(calendar, made.id)
        assert (stored.text, stored.etag, stored.key, stored.written_hash) == (
            made.text,
            made.etag,
            made.key,
            made.written_hash,
        )
        after = mailbox.changes(calendar, before.cursor, **WINDOW)
        tracked = by_id(after)[made.id]
        assert isinstance(tracked, RemoteEvent)
        assert (tracked.text, tracked.etag, tracked.key, tracked.written_hash) == (
            made.text,
            made.etag,
            made.key,
            made.written_hash,
        )

    def test_a_conference_is_made_and_kept(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(wants_conference=True))
        moved = self.update(mailbox, calendar, made, dataclasses.replace(made.text, title="Moved"))

        assert made.conference_url.startswith("https://")
        assert made.text.wants_conference
        assert moved.conference_url == made.conference_url

    def test_a_conference_can_be_added_later(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting())

        moved = self.update(mailbox, calendar, made, tasting(wants_conference=True))

        assert not made.conference_url
        assert moved.conference_url

    def test_the_guests_are_invited(self, mailbox: Mailbox, calendar: str) -> None:
        self.create(mailbox, calendar, tasting(attendees=GUESTS))

        assert {mail["to"] for mail in self.harness.mails()} == {guest.email for guest in GUESTS}

    def test_created_twice_is_created_once(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting())

        again = self.create(mailbox, calendar, tasting())

        assert (again.id, again.etag, again.text) == (made.id, made.etag, made.text)
        assert self.harness.repeated() == {}

    def test_created_by_several_at_once_it_is_created_once(self, calendar: str) -> None:
        boxes = [self.harness.mailbox() for _ in range(3)]
        with ThreadPoolExecutor(len(boxes)) as pool:
            made = list(pool.map(lambda box: self.create(box, calendar, tasting()), boxes))

        assert len({appointment.id for appointment in made}) == 1
        assert self.harness.control("GET", "/stats")["keys"] == {"appointment-1": 1}

    def test_created_again_with_other_words_it_is_still_the_first(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        made = self.create(mailbox, calendar, tasting())

        again = self.create(mailbox, calendar, tasting(title="Other"), written_hash="two")

        assert (again.id, again.text.title, again.written_hash) == (made.id, "Cake tasting", "one")
        assert self.harness.repeated() == {}

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": {"status": 503, "mode": "after", "count": 1}},
            {"drop_connection": {"mode": "after", "count": 1}},
            {"bad_body": {"count": 1}},
        ],
    )
    def test_a_create_whose_answer_was_lost_is_found_again(
        self, mailbox: Mailbox, calendar: str, fault: dict[str, dict[str, Any]]
    ) -> None:
        self.harness.fault(
            **{name: {**options, "only": ["POST"]} for name, options in fault.items()}
        )

        with pytest.raises(TransientError):
            self.create(mailbox, calendar, tasting())
        made = self.create(mailbox, calendar, tasting())

        assert made.text == tasting()
        assert self.harness.control("GET", "/stats")["keys"] == {"appointment-1": 1}

    def test_what_was_deleted_needs_another_generation(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        made = self.create(mailbox, calendar, tasting())
        mailbox.cancel(calendar, made.id, notify=Notify.ALL)

        with pytest.raises(Gone):
            self.create(mailbox, calendar, tasting())
        again = self.create(mailbox, calendar, tasting(), generation=2)

        assert again.id != made.id
        assert again.key == made.key

    def test_two_calendars_have_one_each(self, mailbox: Mailbox, calendar: str) -> None:
        other = next(
            each_calendar.id
            for each_calendar in mailbox.calendars()
            if each_calendar.may_write and not each_calendar.is_primary
        )

        here, there = (
            self.create(mailbox, calendar_id, tasting()) for calendar_id in (calendar, other)
        )

        assert here.id != there.id

    def test_an_update_writes_what_it_is_told(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(attendees=GUESTS))
        later = tasting(
            title="Another cake",
            start=at_wall(DAY + timedelta(days=1, hours=9), "Europe/Lisbon"),
            end=at_wall(DAY + timedelta(days=1, hours=10), "Europe/Lisbon"),
            description="No forks",
            place="Barn 5",
            attendees=GUESTS[1:],
        )

        moved = self.update(mailbox, calendar, made, later)

        assert moved.text == later
        assert (moved.id, moved.key, moved.written_hash) == (made.id, made.key, "two")
        assert moved.etag != made.etag
        assert mailbox.event(calendar, made.id).text == later

    @pytest.mark.parametrize(
        ("before", "after"), [(tasting(), whole_day()), (whole_day(), tasting())]
    )
    def test_an_hour_becomes_a_day_and_back(
        self, mailbox: Mailbox, calendar: str, before: EventText, after: EventText
    ) -> None:
        made = self.create(mailbox, calendar, before)

        assert self.update(mailbox, calendar, made, after).text == after

    def test_an_update_of_nothing_tells_nobody(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(attendees=GUESTS))
        sent = len(self.harness.mails())

        marked = self.update(mailbox, calendar, made, made.text, notify=Notify.NOBODY)

        assert marked.text == made.text
        assert marked.written_hash == "two"
        assert len(self.harness.mails()) == sent

    def test_a_stale_etag_changes_nothing(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting())
        self.harness.changes(made.id, title="Theirs")

        with pytest.raises(Changed):
            self.update(mailbox, calendar, made, tasting(title="Ours"))

        assert mailbox.event(calendar, made.id).text.title == "Theirs"

    def test_the_vendor_checks_the_etag_as_well(self, mailbox: Mailbox, calendar: str) -> None:
        """Somebody may be faster between our look and our write."""
        made = self.create(mailbox, calendar, tasting())
        person = mailbox.create_person(ADA)
        self.harness.fault(etag_conflict={})

        with pytest.raises(Changed):
            self.update(mailbox, calendar, made, tasting(title="Ours"))
        with pytest.raises(Changed):
            mailbox.update_person(dataclasses.replace(person, company="Ours"))

    def test_a_repeated_update_is_noticed(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting())
        self.harness.fault(drop_connection={"mode": "after", "only": ["PATCH"], "count": 1})
        with pytest.raises(TransientError):
            self.update(mailbox, calendar, made, tasting(title="Ours"))

        with pytest.raises(Changed):
            self.update(mailbox, calendar, made, tasting(title="Ours"))

        stored = mailbox.event(calendar, made.id)
        assert (stored.text.title, stored.written_hash) == ("Ours", "two")

    def test_answers_of_guests_are_told(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(attendees=GUESTS))
        first = self.everything(mailbox, calendar)

        self.harness.answers(made.id, GUESTS[0].email, "accepted")
        self.harness.answers(made.id, GUESTS[1].email, "declined")

        tracked = by_id(mailbox.changes(calendar, first.cursor, **WINDOW))[made.id]
        assert isinstance(tracked, RemoteEvent)
        answers = {attendee.email: attendee.answer for attendee in tracked.text.attendees}
        assert answers == {
            GUESTS[0].email: ResponseStatus.ACCEPTED,
            GUESTS[1].email: ResponseStatus.DECLINED,
        }

    def test_an_update_keeps_the_answers(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(attendees=GUESTS))
        self.harness.answers(made.id, GUESTS[0].email, "tentative")
        stored = mailbox.event(calendar, made.id)
        more = (*stored.text.attendees, Attendee(email="isla@example.com"))

        moved = self.update(
            mailbox, calendar, stored, dataclasses.replace(stored.text, attendees=more)
        )

        assert {attendee.email: attendee.answer for attendee in moved.text.attendees} == {
            GUESTS[0].email: ResponseStatus.TENTATIVE,
            GUESTS[1].email: ResponseStatus.NEEDED,
            "isla@example.com": ResponseStatus.NEEDED,
        }

    def test_cancelled_twice_is_cancelled_once(self, mailbox: Mailbox, calendar: str) -> None:
        made = self.create(mailbox, calendar, tasting(attendees=GUESTS))

        mailbox.cancel(calendar, made.id, notify=Notify.ALL)
        mails_before = len(self.harness.mails())
        mailbox.cancel(calendar, made.id, notify=Notify.ALL)

        assert len(self.harness.mails()) == mails_before
        with pytest.raises(Gone):
            mailbox.event(calendar, made.id)
        with pytest.raises(Gone):
            self.update(mailbox, calendar, made, tasting())

    def test_an_event_that_never_was_is_gone(self, mailbox: Mailbox, calendar: str) -> None:
        with pytest.raises(Gone):
            mailbox.event(calendar, "n0thing")
        mailbox.cancel(calendar, "n0thing", notify=Notify.NOBODY)

    def test_one_occurrence_can_be_moved(self, mailbox: Mailbox, calendar: str) -> None:
        everything = self.everything(mailbox, calendar)
        occurrence = next(
            item
            for item in everything.items
            if isinstance(item, RemoteEvent) and item.series_id and item.text.start.wall > DAY
        )
        present = mailbox.event(calendar, occurrence.id)

        self.update(
            mailbox, calendar, present, dataclasses.replace(present.text, title="Just this one")
        )

        tracked = by_id(mailbox.changes(calendar, everything.cursor, **WINDOW))
        assert set(tracked) == {occurrence.id}
        only = tracked[occurrence.id]
        assert isinstance(only, RemoteEvent)
        assert (only.text.title, only.series_id) == ("Just this one", occurrence.series_id)

    # --- free and busy --------------------------------------------------------------------------

    def busy(self, mailbox: Mailbox, *calendars: str, days: int = 1) -> list[FreeBusy]:
        day = DAY.replace(tzinfo=UTC)
        return mailbox.free_busy(calendars, day, day + timedelta(days=days))

    def test_a_calendar_is_busy_when_something_takes_place(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        made = self.create(mailbox, calendar, tasting())

        [found] = self.busy(mailbox, calendar)

        spans = [(span.start, span.end) for span in found.spans]
        assert (made.text.start.instant, made.text.end.instant) in spans
        assert (found.calendar, found.problem) == (calendar, "")

    def test_a_calendar_that_cannot_be_told_about_is_a_problem(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        known, unknown = self.busy(mailbox, calendar, "nobody@nowhere.example")

        assert not known.problem
        assert unknown.problem
        assert unknown.calendar == "nobody@nowhere.example"

    def test_a_year_is_asked_about_in_pieces(self, mailbox: Mailbox, calendar: str) -> None:
        far = at_wall(DAY + timedelta(days=200, hours=9), ZONE)
        self.create(
            mailbox,
            calendar,
            tasting(start=far, end=at_wall(far.wall + timedelta(hours=1), ZONE)),
        )

        [found] = self.busy(mailbox, calendar, days=365)

        assert far.instant in [span.start for span in found.spans]

    def test_what_is_declined_takes_no_time(self, mailbox: Mailbox, calendar: str) -> None:
        event = self.harness.adds(
            title="Not for me",
            start=f"{DAY:%Y-%m-%d}T10:00",
            zone="UTC",
            organizer="somebody@else.example",
            attendees=[self.harness.owner],
        )
        at = DAY.replace(tzinfo=UTC) + timedelta(hours=10)
        assert at in [span.start for span in self.busy(mailbox, calendar)[0].spans]

        self.harness.answers(event, self.harness.owner, "declined")

        assert at not in [span.start for span in self.busy(mailbox, calendar)[0].spans]
        declined = mailbox.event(calendar, event)
        assert not declined.is_busy
        assert declined.organizer == "somebody@else.example"

    # --- pushes ---------------------------------------------------------------------------------

    def heard(self, endpoint: Receiver, what: str) -> PushNotification:
        vendor = self.harness.vendor()

        def pushed(hooks: list[Hook]) -> list[PushNotification]:
            requests = [request_of(hook) for hook in hooks]
            assert all(vendor.recognizes(request) for request in requests)
            found = [each for request in requests for each in vendor.pushed(request)]
            return [item for item in found if item.what == what]

        return pushed(endpoint.wait_for(lambda hooks: bool(pushed(hooks))))[0]

    def test_a_change_is_announced_with_our_secret(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        secret = "s" * 43
        push = mailbox.subscribe(calendar, id="channel-1", url=f"{endpoint.url}hook", secret=secret)

        self.harness.adds(title="New", start=f"{DAY:%Y-%m-%d}T10:00")

        said = self.heard(endpoint, "changed")
        assert (said.subscription, said.secret) == (push.id, secret)
        assert said.resource_id == push.resource_id
        assert secret not in repr(said)
        assert said.expires_at is not None
        assert abs(said.expires_at - push.expires_at) < timedelta(seconds=2)
        lifetime = push.expires_at - datetime.now(UTC)
        assert timedelta(days=2) < lifetime <= timedelta(days=7)

    def test_nothing_is_announced_after_the_end(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        push = mailbox.subscribe(calendar, id="channel-1", url=endpoint.url, secret="s" * 43)

        mailbox.unsubscribe(push)
        mailbox.unsubscribe(push)

        assert self.harness.control("GET", "/pushes")["pushes"] == []

    def test_a_second_subscription_of_the_same_kind_is_told_apart(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        """The same id at Google, the same calendar at Microsoft."""
        first = mailbox.subscribe(calendar, id="channel-1", url=endpoint.url, secret="s" * 43)

        with pytest.raises(SubscriptionExists) as caught:
            mailbox.subscribe(calendar, id="channel-1", url=endpoint.url, secret="t" * 43)

        assert caught.value.existing in {"", first.id}

    def test_a_calendar_that_is_gone_is_not_watched(
        self, mailbox: Mailbox, endpoint: Receiver
    ) -> None:
        with pytest.raises(Gone):
            mailbox.subscribe("nowhere", id="channel-1", url=endpoint.url, secret="s" * 43)

    def test_what_is_no_push_is_not_recognized(self) -> None:
        vendor = self.harness.vendor()
        for body in (b"", b"{}", b"[]", b"\xff", b'{"value": 7}', b"null"):
            request = WebhookRequest(method="POST", url="", headers={}, body=body)

            assert not vendor.recognizes(request)
            with pytest.raises(MalformedRequest):
                list(vendor.pushed(request))


class PeopleContract(Contract):
    def all_people(self, mailbox: Mailbox, cursor: str = "") -> tuple[list[Any], str]:
        found: list[Any] = []
        page = mailbox.people(cursor)
        while page.next_page:
            assert not page.cursor
            found += page.items
            page = mailbox.people(cursor, page.next_page)
        return [*found, *page.items], page.cursor

    def test_everybody_is_listed_page_by_page(self, mailbox: Mailbox) -> None:
        self.harness.adds_people(1100)

        found, cursor = self.all_people(mailbox)

        assert len({item.id for item in found}) == len(found) >= 1100
        assert all(item.name and item.etag and item.emails for item in found)
        assert cursor

    def test_what_happened_since_is_told(self, mailbox: Mailbox) -> None:
        kept = self.harness.adds_person(name="Isla Rossi", emails=["isla@example.com"])
        lost = self.harness.adds_person(name="Noah Bell", emails=["noah@example.com"])
        _, cursor = self.all_people(mailbox)
        self.harness.changes_person(kept, phones=["+44 7700 900123"])
        self.harness.deletes_person(lost)

        found, following = self.all_people(mailbox, cursor)

        people = {item.id: item for item in found}
        assert len(people) == 2
        assert [item.phones for item in found if isinstance(item, RemotePerson)] == [
            ("+44 7700 900123",)
        ]
        assert [type(item) for item in found].count(Removed) == 1
        assert self.all_people(mailbox, following)[0] == []

    def test_a_person_is_written_and_read_alike(self, mailbox: Mailbox) -> None:
        _, cursor = self.all_people(mailbox)

        made = mailbox.create_person(ADA)

        fields = ("name", "given_name", "family_name", "emails", "phones", "company", "notes")
        for field in (*fields, "key"):
            assert getattr(made, field) == getattr(ADA, field)
        [person], _ = self.all_people(mailbox, cursor)
        for field in (*fields, "id", "etag"):
            assert getattr(person, field) == getattr(made, field)
        assert isinstance(person.updated_at, datetime)

    def test_a_person_with_a_name_only_will_do(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(RemotePerson(id="", name="Petal & Stem", key="k"))

        assert made.name == "Petal & Stem"
        assert (made.emails, made.phones, made.company, made.notes) == ((), (), "", "")

    def test_created_twice_is_created_once(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)

        again = [mailbox.create_person(ADA), self.harness.mailbox().create_person(ADA)]

        assert [item.id for item in again] == [made.id, made.id]

    @pytest.mark.parametrize("mode", ["drop_connection", "status"])
    def test_a_create_whose_answer_was_lost_is_found_again(
        self, mailbox: Mailbox, mode: str
    ) -> None:
        before, _ = self.all_people(mailbox)
        self.harness.fault(**{mode: {"mode": "after", "only": ["POST"], "count": 1}})

        with pytest.raises(ProviderError):
            mailbox.create_person(ADA)
        made = self.harness.mailbox().create_person(ADA)

        after, _ = self.all_people(mailbox)
        assert made.emails == ADA.emails
        assert len(after) == len(before) + 1

    def test_an_update_writes_what_differs(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)
        wanted = dataclasses.replace(
            made,
            name="Ada King",
            family_name="King",
            emails=("ada@example.com",),
            phones=("+43 660 123456", "+43 1 999"),
            company="Analytical Engines",
            notes="",
        )

        written = mailbox.update_person(wanted)

        fields = ("id", "name", "given_name", "family_name", "emails", "company", "notes", "key")
        for field in fields:
            assert getattr(written, field) == getattr(wanted, field)
        assert set(written.phones) == set(wanted.phones)
        assert written.etag != made.etag

    def test_a_name_can_be_changed_as_a_whole(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)

        written = mailbox.update_person(dataclasses.replace(made, name="Countess Lovelace"))

        assert written.name == "Countess Lovelace"

    def test_an_update_of_nothing_writes_nothing(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)

        assert mailbox.update_person(made).etag == made.etag

    def test_a_stale_etag_changes_nothing(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)
        mailbox.update_person(dataclasses.replace(made, company="Theirs"))

        with pytest.raises(Changed):
            mailbox.update_person(dataclasses.replace(made, company="Ours"))

    def test_deleted_twice_is_deleted_once(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)

        mailbox.delete_person(made.id)
        mailbox.delete_person(made.id)

        with pytest.raises(Gone):
            mailbox.update_person(made)
        with pytest.raises(Gone):
            mailbox.person(made.id)

    def test_one_person_is_asked_for(self, mailbox: Mailbox) -> None:
        made = mailbox.create_person(ADA)

        person = mailbox.person(made.id)

        assert (person.id, person.etag, person.name, person.key) == (
            made.id,
            made.etag,
            made.name,
            made.key,
        )

    def test_groups_are_listed(self, mailbox: Mailbox) -> None:
        assert "Suppliers" in [group.name for group in mailbox.people_groups()]

    def test_one_group_can_be_followed(self, mailbox: Mailbox) -> None:
        group = next(folder.id for folder in mailbox.people_groups() if folder.name == "Suppliers")
        made = mailbox.create_person(dataclasses.replace(ADA, groups=(group,)))
        mailbox.create_person(dataclasses.replace(ADA, key="contact-2", emails=("b@example.com",)))

        page = mailbox.people("", group=group)

        assert group in made.groups
        found = [item for item in page.items if isinstance(item, RemotePerson)]
        assert made.id in [entry.id for entry in found]
        assert all(group in entry.groups for entry in found)
        assert mailbox.people(page.cursor, group=group).items == ()
