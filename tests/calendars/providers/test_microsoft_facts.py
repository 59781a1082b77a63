"""Facts about Microsoft: what goes over the wire, and what its answers mean."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from calendars.providers.base import (
    AdminConsented,
    Changed,
    CursorExpired,
    Gone,
    GrantGone,
    Mailbox,
    SubscriptionExists,
)
from calendars.providers.microsoft import Microsoft, events, persons, schedules
from calendars.providers.microsoft.errors import DuplicateTransaction, graph_error
from calendars.providers.microsoft.oauth import LOGIN, MsalTransport, msal_error
from calendars.providers.microsoft.properties import FIELD, KEY, ZONE, odata_string, own_properties
from calendars.vocabulary.events import (
    Attendee,
    Grant,
    Moment,
    Notify,
    RemoteEvent,
    RemotePerson,
    Removed,
    ResponseStatus,
)
from calendars.vocabulary.zones import at_wall, iana_zone
from tests.calendars.providers.contract import ADA, DAY, WINDOW, tasting
from tests.calendars.providers.vendor_harness import MicrosoftHarness
from tests.communications.providers.answering import Answer as Reply
from tests.communications.providers.answering import Server, answering
from tests.sandbox.receiver import Receiver
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    CredentialsRejected,
    OutcomeUnknown,
    PermanentError,
    RateLimited,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Client, Response
from wedsync_comms.lib.web.webhook_request import WebhookRequest

PERSONAL = "marlow.finch@outlook.example"


def error(status: int, code: str, message: str = "") -> Response:
    return Response(status, {}, json.dumps({"error": {"code": code, "message": message}}).encode())


def mailbox_at(server: Server) -> Mailbox:
    return Microsoft(client_id="c", client_secret="s", graph_url=server.url).mailbox("t")


def item(**fields: Any) -> dict[str, Any]:
    return {
        "id": "e1",
        "@odata.etag": 'W/"1"',
        "subject": "Tasting",
        "start": {"dateTime": "2026-06-01T08:00:00.0000000", "timeZone": "UTC"},
        "end": {"dateTime": "2026-06-01T09:00:00.0000000", "timeZone": "UTC"},
        "originalStartTimeZone": "W. Europe Standard Time",
        **fields,
    }


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "BadRequest"), PermanentError),
        (error(401, "InvalidAuthenticationToken"), CredentialsRejected),
        (error(403, "ErrorAccessDenied"), PermanentError),
        (error(404, "ErrorItemNotFound"), Gone),
        (error(404, "SyncStateNotFound"), CursorExpired),
        (error(400, "syncStateInvalid"), CursorExpired),
        (error(410, "resyncRequired"), CursorExpired),
        (error(410, "whatever"), CursorExpired),
        (error(409, "ErrorDuplicateTransactionId"), DuplicateTransaction),
        (error(412, "ErrorIrresolvableConflict"), Changed),
        (error(429, "ApplicationThrottled"), RateLimited),
        (error(403, "MailboxNotEnabledForRESTAPI"), ConfigurationRejected),
        (error(503, "ConcurrentItemSave"), ServerFailed),
        (Response(502, {}, b"<html>"), ServerFailed),
        (Response(401, {}, b""), CredentialsRejected),
        (Response(400, {}, b"[]"), PermanentError),
    ],
)
def test_a_refusal_is_named_for_its_remedy(answer: Response, kind: type[Exception]) -> None:
    assert type(graph_error(answer, is_safe=False)) is kind


def test_too_many_calls_at_a_time_are_over_in_a_moment() -> None:
    said = "Application is over its MailboxConcurrency limit."

    found = graph_error(error(429, "ApplicationThrottled", said), is_safe=True)

    assert isinstance(found, RateLimited)
    assert found.retry_after == timedelta(seconds=2)


# --- events -------------------------------------------------------------------------------------


def test_the_wall_time_is_that_of_the_zone_it_was_written_in() -> None:
    found = events.read_graph_event(item())

    assert found.text.start == Moment(
        wall=datetime.fromisoformat("2026-06-01T10:00"), zone="Europe/Berlin"
    )


@pytest.mark.parametrize("zone", ["tzone://Microsoft/Custom", "Customized Time Zone"])
def test_a_zone_nobody_knows_is_told_and_the_instant_is_right(zone: str) -> None:
    found = events.read_graph_event(item(originalStartTimeZone=zone))

    assert zone in found.problem
    assert found.text.start.instant == datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert found.text.start.zone == "UTC"


def test_our_own_name_of_a_zone_comes_back_unless_they_moved_it_to_another() -> None:
    ours = {FIELD: [{"id": ZONE.upper(), "value": "Europe/Vienna"}]}
    assert (
        events.read_graph_event(item(**ours, originalStartTimeZone="UTC")).text.start.zone
        == "Europe/Vienna"
    )

    moved = events.read_graph_event(item(**ours, originalStartTimeZone="Tokyo Standard Time"))
    assert moved.text.start.zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2026-06-01T00:00:00.0000000", "2026-06-02T00:00:00.0000000", "Tokyo Standard Time"),
        # Turned into UTC on the way.
        ("2026-05-31T15:00:00.0000000", "2026-06-01T15:00:00.0000000", "Tokyo Standard Time"),
    ],
)
def test_a_day_is_that_day_in_whatever_zone_it_is_shown(start: str, end: str, zone: str) -> None:
    found = events.read_graph_event(
        item(
            isAllDay=True,
            start={"dateTime": start, "timeZone": "UTC"},
            end={"dateTime": end, "timeZone": "UTC"},
            originalStartTimeZone=zone,
        )
    )

    assert found.text.start == Moment.midnight(
        datetime(2026, 6, 1, tzinfo=UTC).date(), "Asia/Tokyo"
    )
    assert found.text.end == Moment.midnight(datetime(2026, 6, 2, tzinfo=UTC).date(), "Asia/Tokyo")


@pytest.mark.parametrize(
    "fields",
    [
        {"start": None},
        {"start": {"dateTime": "noon", "timeZone": "UTC"}},
        {"start": {"dateTime": "2026-06-01T08:00:00", "timeZone": "Mars"}},
    ],
)
def test_an_event_without_a_time_says_so_and_stops_nobody(fields: dict[str, Any]) -> None:
    found = events.read_graph_event(item(**fields))

    assert found.is_timeless
    assert found.time_problem


def test_an_event_without_an_id_is_an_error() -> None:
    with pytest.raises(TransientError):
        events.read_graph_event(item(id=""))


def test_of_guests_that_are_hidden_none_can_be_changed() -> None:
    present = events.read_graph_event(item(hideAttendees=True, isOrganizer=False))
    more = tasting(attendees=(Attendee(email="a@x.example"),))

    with pytest.raises(PermanentError, match="all of its guests"):
        events.update_body(more, present, {})


def test_a_guest_without_an_address_stays() -> None:
    room = {"type": "resource", "emailAddress": {"name": "The barn"}}
    guests = [room, {"type": "required", "emailAddress": {"address": "a@x.example"}}]
    boss = {"emailAddress": {"address": "boss@x.example"}}
    present = events.read_graph_event(item(attendees=guests, organizer=boss))

    body = events.update_body(tasting(attendees=()), present, {})

    assert body["attendees"] == [room]


@pytest.mark.parametrize(
    ("fields", "is_busy"),
    [
        ({}, True),
        ({"showAs": "free"}, False),
        ({"showAs": "workingElsewhere"}, False),
        ({"showAs": "tentative"}, True),
        ({"showAs": "oof"}, True),
        ({"isCancelled": True}, False),
        ({"responseStatus": {"response": "declined"}}, False),
        ({"responseStatus": {"response": "notResponded"}}, True),
    ],
)
def test_what_takes_time(fields: dict[str, Any], is_busy: bool) -> None:  # noqa: FBT001
    assert events.read_graph_event(item(**fields)).is_busy is is_busy


def test_an_organizer_among_the_guests_is_told_apart_and_not_invited() -> None:
    boss = {"emailAddress": {"address": "Boss@x.example", "name": "boss@x.example"}}
    room = {"emailAddress": {"address": "room@x.example"}, "type": "resource"}
    found = events.read_graph_event(item(organizer=boss, attendees=[boss, room]))

    assert found.text.attendees[0] == Attendee(email="Boss@x.example", is_organizer=True)
    more = (Attendee(email="other@x.example", is_organizer=True, answer=ResponseStatus.ACCEPTED),)
    written = events.graph_guests(tasting(attendees=(*found.text.attendees, *more)), found.raw)
    assert [entry["type"] for entry in written] == ["resource"]


def test_an_occurrence_takes_from_its_series_what_is_not_its_own() -> None:
    master = item(
        id="m", type="seriesMaster", iCalUId="u", recurrence={}, location={"displayName": "B"}
    )
    occurrence = {"id": "o", "type": "occurrence", "seriesMasterId": "m", **{
        name: item()[name] for name in ("start", "end")
    }}  # fmt: skip

    found = events.read_graph_event(events.with_series(occurrence, master))

    assert (found.id, found.series_id, found.ical_uid) == ("o", "m", "")
    assert (found.text.title, found.text.place) == ("Tasting", "B")


@pytest.mark.parametrize("key", ["a", "3f0c:1", "it's", ""])
def test_the_key_is_read_out_of_the_transaction(key: str) -> None:
    assert events.transaction_key({"transactionId": events.transaction_id(key, "c", 3)}) == key
    assert events.transaction_key({"transactionId": "somebody else's"}) == ""


def test_the_second_of_two_equal_hours_is_written_in_utc() -> None:
    wall = datetime.fromisoformat("2026-10-25T02:30")

    first, second = (
        events.graph_date_time(at_wall(wall.replace(fold=fold), "Europe/Berlin"), is_all_day=False)
        for fold in (0, 1)
    )

    assert first == {"dateTime": "2026-10-25T02:30:00", "timeZone": "W. Europe Standard Time"}
    assert second == {"dateTime": "2026-10-25T01:30:00", "timeZone": "UTC"}


def test_a_zone_that_microsoft_has_no_name_for_goes_by_one_that_shows_the_same() -> None:
    moment = at_wall(datetime.fromisoformat("2026-06-01T10:00"), "Antarctica/Troll")

    told = events.graph_date_time(moment, is_all_day=False)

    assert told["dateTime"] == "2026-06-01T10:00:00"
    assert at_wall(moment.wall, iana_zone(told["timeZone"])).instant == moment.instant


def test_a_key_with_a_quotation_mark_stays_a_string() -> None:
    assert odata_string("it's") == "'it''s'"


def test_properties_are_found_in_any_case() -> None:
    assert own_properties({FIELD: [{"id": KEY.lower(), "value": "k"}]})[KEY] == "k"
    assert own_properties({})[KEY] == ""


# --- over the wire ------------------------------------------------------------------------------


class TestTheWire:
    @pytest.fixture(autouse=True)
    def _other_side(self, sandbox_server: SandboxServer) -> Iterator[None]:
        self.harness = MicrosoftHarness(sandbox_server)
        self.harness.rest()
        yield
        self.harness.no_faults()
        self.harness.control(
            "PATCH", "", {"subscription_minutes": 10_080, "retry_after": "seconds"}
        )

    @pytest.fixture
    def mailbox(self) -> Mailbox:
        return self.harness.mailbox()

    @pytest.fixture
    def calendar(self, mailbox: Mailbox) -> str:
        return next(calendar.id for calendar in mailbox.calendars() if calendar.is_primary)

    def create(self, mailbox: Mailbox, calendar: str, number: int, **values: Any) -> RemoteEvent:
        return mailbox.create(
            calendar,
            tasting(title=f"Tasting {number}"),
            key=f"key-{number}",
            generation=1,
            written_hash=f"hash-{number}",
            notify=Notify.NOBODY,
            **values,
        )

    def test_what_we_wrote_is_known_in_a_full_round_however_much_it_is(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        for number in range(12):
            self.create(mailbox, calendar, number)

        changes = mailbox.changes(calendar, "", **WINDOW)

        found = {
            change.key: change
            for change in changes.items
            if isinstance(change, RemoteEvent) and change.key
        }
        assert {key: entry.written_hash for key, entry in found.items()} == {
            f"key-{number}": f"hash-{number}" for number in range(12)
        }

    def test_a_subscription_is_renewed_and_taken_over(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        push = mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")

        renewed = mailbox.renew(push)

        assert renewed.id == push.id != "ours"
        assert renewed.expires_at >= push.expires_at
        with pytest.raises(SubscriptionExists) as caught:
            mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")
        assert caught.value.existing == push.id

    def test_contacts_are_announced(self, mailbox: Mailbox, endpoint: Receiver) -> None:
        push = mailbox.subscribe("people", id="ours", url=endpoint.url, secret="s")

        self.harness.adds_person(name="Ada", emails=["ada@example.com"])

        [hook] = endpoint.wait_for(bool)
        request = WebhookRequest(method="POST", url="", headers=hook.headers, body=hook.body)
        assert [
            (notification.subscription, notification.what)
            for notification in self.harness.vendor().pushed(request)
        ] == [(push.id, "changed")]

    def test_a_shorter_life_is_accepted(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        self.harness.control("PATCH", "", {"subscription_minutes": 4230})

        push = mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")
        renewed = mailbox.renew(push)

        for subscription in (push, renewed):
            assert (
                timedelta(days=2) < subscription.expires_at - datetime.now(UTC) < timedelta(days=3)
            )

    def test_a_subscription_that_is_gone_is_not_renewed(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        push = mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")
        mailbox.unsubscribe(push)

        with pytest.raises(Gone):
            mailbox.renew(push)

    def test_an_endpoint_that_does_not_answer_gets_no_subscription(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        endpoint.validation = lambda _: ("text/html", "what?")

        with pytest.raises(PermanentError, match="validation"):
            mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")

    def test_a_subscription_whose_answer_was_lost_may_be_there(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver
    ) -> None:
        self.harness.fault(drop_connection={"mode": "after", "only": ["POST"], "count": 1})
        with pytest.raises(OutcomeUnknown):
            mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")

        with pytest.raises(SubscriptionExists) as caught:
            mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s")
        assert caught.value.existing

    @pytest.mark.parametrize(
        ("event", "what"),
        [
            ("reauthorizationRequired", "reauthorize"),
            ("subscriptionRemoved", "removed"),
            ("missed", "missed"),
        ],
    )
    def test_the_life_of_a_subscription_is_told(
        self, mailbox: Mailbox, calendar: str, endpoint: Receiver, event: str, what: str
    ) -> None:
        push = mailbox.subscribe(calendar, id="ours", url=endpoint.url, secret="s3cret")

        self.harness.control("POST", f"/pushes/{push.id}/lifecycle", {"event": event})

        [hook] = endpoint.wait_for(bool)
        request = WebhookRequest(method="POST", url="", headers=hook.headers, body=hook.body)
        [said] = self.harness.vendor().pushed(request)
        assert (said.subscription, said.what, said.secret) == (push.id, what, "s3cret")

    def test_an_address_is_asked_about_by_its_schedule(
        self, mailbox: Mailbox, calendar: str
    ) -> None:
        made = self.create(mailbox, calendar, 1)
        day = DAY.replace(tzinfo=UTC)

        [found] = mailbox.free_busy([self.harness.owner], day, day + timedelta(days=100))

        assert not found.problem
        assert made.text.start.instant in [span.start for span in found.spans]

    def test_a_schedule_that_failed_is_not_free(self, mailbox: Mailbox) -> None:
        self.harness.fault(free_busy_error={})

        [found] = mailbox.free_busy([self.harness.owner], WINDOW["start"], WINDOW["end"])

        assert found.problem
        assert not found.spans

    def test_a_calendar_that_is_gone_is_not_free(self, mailbox: Mailbox) -> None:
        [found] = mailbox.free_busy(["nowhere"], WINDOW["start"], WINDOW["end"])

        assert found.problem

    def test_a_personal_account_is_read_as_it_is(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent("http://localhost/cb", "s")
        hinted = f"{consent.url}&login_hint={PERSONAL}"
        grant = vendor.redeem(consent.flow, self.harness.consents(hinted))
        mailbox = vendor.mailbox(grant.access_token)
        calendar = next(
            each_calendar.id for each_calendar in mailbox.calendars() if each_calendar.is_primary
        )

        own, address = mailbox.free_busy([calendar, PERSONAL], WINDOW["start"], WINDOW["end"])

        assert grant.email == PERSONAL
        assert own.spans
        assert not own.problem
        assert address.problem

    def test_retry_after_may_be_a_date(self, mailbox: Mailbox) -> None:
        self.harness.control("PATCH", "", {"retry_after": "date"})
        self.harness.fault(rate_limit={"retry_after": 120})

        with pytest.raises(RateLimited) as caught:
            mailbox.calendars()

        assert timedelta(seconds=110) < caught.value.retry_after <= timedelta(seconds=120)

    def test_a_refresh_token_is_replaced(self) -> None:
        self.harness.control("PATCH", "", {"old_refresh_tokens_work": False})
        vendor = self.harness.vendor()
        grant = self.harness.grant(vendor)

        fresh = vendor.refresh(grant)

        assert fresh.refresh_token != grant.refresh_token
        with pytest.raises(GrantGone):
            vendor.refresh(grant)
        self.harness.control("PATCH", "", {"old_refresh_tokens_work": True})

    def test_a_folder_of_contacts_has_its_own_changes(self, mailbox: Mailbox) -> None:
        group = next(folder.id for folder in mailbox.people_groups())
        mailbox.create_person(RemotePerson(id="", name="Petal", key="k", groups=(group,)))

        assert [type(person) for person in mailbox.people("", group=group).items] == [RemotePerson]
        assert mailbox.people("").items == ()

    def test_a_lost_create_of_a_contact_may_be_repeated(self, mailbox: Mailbox) -> None:
        self.harness.fault(drop_connection={"mode": "after", "only": ["POST"], "count": 1})
        with pytest.raises(TransientError):
            mailbox.create_person(ADA)

        mailbox.create_person(ADA)

        assert len(mailbox.people("").items) == 1


# --- answers that no sandbox gives --------------------------------------------------------------


DELTA = "@odata.deltaLink"


def test_a_link_that_leads_elsewhere_is_not_followed() -> None:
    with answering(
        Reply(200, {"value": [], "@odata.nextLink": "https://evil.example/x"})
    ) as server:
        with pytest.raises(TransientError, match="elsewhere"):
            mailbox_at(server).calendars()

        assert len(server.asked) == 1


def test_pages_that_go_round_in_a_circle_end() -> None:
    with answering(Reply(200, {})) as server:
        server.answers = [Reply(200, {"value": [], "@odata.nextLink": f"{server.url}/x"})]

        with pytest.raises(TransientError, match="circle"):
            mailbox_at(server).calendars()


def test_a_last_page_without_a_link_is_an_error() -> None:
    with answering(Reply(200, {"value": []})) as server:
        with pytest.raises(TransientError):
            mailbox_at(server).changes("c", "", **WINDOW)
        with pytest.raises(TransientError):
            mailbox_at(server).people("")


def test_a_change_without_an_id_keeps_nobody_else_out() -> None:
    with answering(Reply(200, {})) as server:
        server.answers = [Reply(200, {"value": [{}, item(id="e")], DELTA: f"{server.url}/d"})]

        found = mailbox_at(server).changes("c", "", **WINDOW)

        assert [event.id for event in found.items] == ["e"]


def occurrence(id_: str) -> dict[str, Any]:
    times = {name: item()[name] for name in ("start", "end")}
    return {"id": id_, "type": "occurrence", "seriesMasterId": "m", **times}


def test_a_series_that_is_not_told_of_is_asked_for_once() -> None:
    with answering(Reply(200, {})) as server:
        page = {"value": [occurrence("o1"), occurrence("o2")], DELTA: f"{server.url}/d"}
        server.answers = [Reply(200, page), Reply(200, item(id="m", type="seriesMaster"))]

        found = mailbox_at(server).changes("c", "", **WINDOW).items

        assert [entry.id for entry in found] == ["o1", "o2"]
        assert {entry.text.title for entry in found if isinstance(entry, RemoteEvent)} == {
            "Tasting"
        }
        assert len(server.asked) == 2


def test_an_occurrence_of_a_series_that_is_gone_is_gone() -> None:
    with answering(Reply(200, {})) as server:
        page = {"value": [occurrence("o1")], DELTA: f"{server.url}/d"}
        server.answers = [Reply(200, page), Reply(404, {"error": {"code": "ErrorItemNotFound"}})]

        assert mailbox_at(server).changes("c", "", **WINDOW).items == (Removed(id="o1"),)


def test_what_comes_twice_counts_as_it_came_last() -> None:
    with answering(Reply(200, {})) as server:
        twice = [item(subject="Before"), item(id="e2"), item(subject="After")]
        server.answers = [Reply(200, {"value": twice, DELTA: f"{server.url}/d"})]

        found = mailbox_at(server).changes("c", "", **WINDOW).items

        assert [entry.text.title for entry in found if isinstance(entry, RemoteEvent)] == [
            "Tasting",
            "After",
        ]


def test_one_of_ours_that_vanishes_meanwhile_is_told_without_its_hash() -> None:
    with answering(Reply(200, {})) as server:
        ours = item(transactionId=events.transaction_id("k", "c", 1))
        server.answers = [
            Reply(200, {"value": [ours], DELTA: f"{server.url}/d"}),
            Reply(404, {"error": {"code": "ErrorItemNotFound"}}),
        ]

        [found] = mailbox_at(server).changes("c", "", **WINDOW).items

        assert isinstance(found, RemoteEvent)
        assert (found.key, found.written_hash) == ("k", "")


def test_somebody_who_was_faster_created_what_we_meant_to() -> None:
    taken = Reply(409, {"error": {"code": "ErrorDuplicateTransactionId"}})
    theirs = item(**{FIELD: [{"id": KEY, "value": "k"}]})
    with answering(Reply(200, {"value": []}), taken, Reply(200, {"value": [theirs]})) as server:
        given: dict[str, Any] = {"generation": 1, "written_hash": "h", "notify": Notify.ALL}
        made = mailbox_at(server).create("c", tasting(), key="k", **given)

    assert (made.id, made.key) == ("e1", "k")


def test_every_request_prefers_the_same() -> None:
    with answering(Reply(200, {"value": []})) as server:
        mailbox_at(server).calendars()

        preferred = server.asked[0].headers["prefer"]
    assert 'IdType="ImmutableId"' in preferred
    assert 'outlook.timezone="UTC"' in preferred
    assert "odata.maxpagesize=" in preferred


def test_a_conflict_without_an_id_is_looked_for_in_the_list() -> None:
    conflict = Reply(409, {"error": {"code": "ExtensionError", "message": "There is one."}})
    listed = Reply(200, {"value": [{"id": "s1", "resource": "me/calendars/c/events"}]})
    with answering(conflict, listed) as server, pytest.raises(SubscriptionExists) as caught:
        mailbox_at(server).subscribe("c", id="x", url="https://x.example", secret="s")

    assert caught.value.existing == "s1"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"value": []},
        {"value": [{"error": {"responseCode": "5006"}, "scheduleItems": []}]},
        {"value": [{"scheduleItems": None}]},
        {"value": [{"scheduleItems": [{"status": "busy", "start": None}]}]},
    ],
)
def test_whatever_is_not_told_is_not_free(answer: dict[str, Any]) -> None:
    assert schedules.graph_busy("a@x.example", answer).problem


# --- consent ------------------------------------------------------------------------------------


def test_an_administrators_consent_is_understood_and_brings_no_account() -> None:
    vendor = Microsoft(client_id="a", client_secret="b")
    query = {"admin_consent": "True", "tenant": "t", "state": "s"}

    with pytest.raises(AdminConsented, match="administrator has agreed"):
        vendor.redeem({"state": "s"}, query)


def test_microsofts_own_host_is_asked_where_nothing_else_is_said() -> None:
    wire = MsalTransport(Client(), LOGIN)

    assert not wire.is_elsewhere
    assert wire.rerouted(f"{LOGIN}/common/x") == f"{LOGIN}/common/x"


def test_a_stand_in_is_asked_instead() -> None:
    wire = MsalTransport(Client(), "http://127.0.0.1:1/ms")

    assert wire.rerouted(f"{LOGIN}/common/x") == "http://127.0.0.1:1/ms/common/x"
    assert wire.rerouted("http://elsewhere.example/x") == "http://elsewhere.example/x"
    assert wire.rerouted(f"{LOGIN}.evil.example/x") == f"{LOGIN}.evil.example/x"


def test_a_tenant_that_is_not_there_is_our_configuration() -> None:
    with answering(Reply(400, {"error": "invalid_tenant"})) as server:
        vendor = Microsoft(client_id="c", client_secret="s", authority_url=server.url)

        with pytest.raises(ConfigurationRejected):
            vendor.consent("http://localhost/cb", "s")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_grant", GrantGone),
        ("interaction_required", GrantGone),
        ("invalid_client", CredentialsRejected),
        ("invalid_scope", ConfigurationRejected),
        ("temporarily_unavailable", TransientError),
        ("something_new", PermanentError),
        ("", PermanentError),
    ],
)
def test_a_refused_token_is_named_for_its_remedy(code: str, kind: type[Exception]) -> None:
    assert type(msal_error({"error": code})) is kind


def test_a_grant_without_a_refresh_token_is_of_no_use(sandbox_server: SandboxServer) -> None:
    harness = MicrosoftHarness(sandbox_server)
    harness.rest()
    vendor = harness.vendor()
    consent = vendor.consent("http://localhost/cb", "s")
    without = consent.url.replace("offline_access", "openid")

    with pytest.raises(PermanentError, match="lasting"):
        vendor.redeem(consent.flow, harness.consents(without))


def test_a_grant_that_says_little_keeps_what_was_known() -> None:
    expires_at = datetime.now(UTC)
    grant = Grant(access_token="a", refresh_token="r", expires_at=expires_at, scopes=("s",))
    discovered = {
        "authorization_endpoint": f"{LOGIN}/a",
        "token_endpoint": f"{LOGIN}/t",
        "issuer": f"{LOGIN}/x/v2.0",
    }
    token = Reply(200, {"access_token": "b", "token_type": "Bearer", "expires_in": 60})
    with answering(Reply(200, discovered), token) as server:
        vendor = Microsoft(client_id="c", client_secret="s", authority_url=server.url)

        fresh = vendor.refresh(grant)

    assert (fresh.access_token, fresh.refresh_token, fresh.scopes) == ("b", "r", ("s",))


# --- pushes -------------------------------------------------------------------------------------


def vendor() -> Microsoft:
    return Microsoft(client_id="c", client_secret="s")


def test_bad_notifications_keep_nobody_from_the_good_ones() -> None:
    value = [
        7,
        {},
        {"subscriptionId": "", "clientState": "x"},
        {"subscriptionId": "s1", "clientState": None, "changeType": "updated"},
        {"subscriptionId": "s2", "clientState": "x", "lifecycleEvent": "new kind"},
        {"subscriptionId": "s3", "subscriptionExpirationDateTime": "soon"},
    ]
    body = json.dumps({"value": value}).encode()
    request = WebhookRequest(method="POST", url="", headers={}, body=body)

    found = list(vendor().pushed(request))

    assert [(entry.subscription, entry.secret, entry.what) for entry in found] == [
        ("s1", "", "changed"),
        ("s2", "x", "missed"),
        ("s3", "", "changed"),
    ]
    assert not any(entry.expires_at for entry in found)


# --- people -------------------------------------------------------------------------------------


def test_a_contact_without_an_id_is_an_error() -> None:
    with pytest.raises(TransientError):
        persons.read_graph_contact({"displayName": "x"})
    with pytest.raises(Gone):
        persons.undeleted_contact(
            persons.read_graph_contact({"id": "x", "@removed": {"reason": "deleted"}})
        )


def test_a_mobile_that_is_also_the_number_at_home_is_a_mobile() -> None:
    numbers = {"mobilePhone": "1", "businessPhones": ["2"], "homePhones": ["1", "2", "3"]}
    person = persons.undeleted_contact(persons.read_graph_contact({"id": "x", **numbers}))
    assert person.phone_kinds == {"1": "cell", "2": "work", "3": "home"}


def test_numbers_stay_where_they_are_and_new_ones_go_where_there_is_room() -> None:
    present = {"mobilePhone": ["1"], "businessPhones": ["2", "3"], "homePhones": []}

    numbers = ("3", "1", "4", "5", "6", "7")
    placed = persons.placed_phones(numbers, present, {"4": "home", "6": "work"})

    assert placed == {
        "mobilePhone": ["1"],
        "businessPhones": ["3", "5"],
        "homePhones": ["4", "6"],
    }


@pytest.fixture
def outlook(sandbox_server: SandboxServer) -> Mailbox:
    harness = MicrosoftHarness(sandbox_server)
    harness.rest()
    return harness.mailbox()


def test_of_more_addresses_than_a_contact_takes_the_first_are_written(outlook: Mailbox) -> None:
    """Graph refuses the whole contact otherwise."""
    emails = tuple(f"a{n}@hart.example" for n in range(5))
    phones = tuple(f"+4477009001{n:02}" for n in range(7))
    many = RemotePerson(id="", name="Amelia Hart", emails=emails, phones=phones, key="k1")

    made = outlook.create_person(many)

    assert made.emails == emails[:3]
    assert set(made.phones) == set(phones[:5])
    changed = dataclasses.replace(made, company="Hart Ltd", emails=emails, phones=phones)
    written = outlook.update_person(changed)
    assert (written.company, written.emails) == ("Hart Ltd", emails[:3])
    fewer = dataclasses.replace(written, emails=emails[2:], phones=phones[5:])
    assert outlook.update_person(fewer).emails == emails[2:]


def test_folders_of_contacts_come_in_pages() -> None:
    with answering(Reply(200, {})) as server:
        server.answers = [
            Reply(200, {"value": [{"id": "a"}], "@odata.nextLink": f"{server.url}/n"}),
            Reply(200, {"value": [{"id": "b", "displayName": "B"}]}),
        ]

        assert [group.id for group in mailbox_at(server).people_groups()] == ["a", "b"]


def test_a_date_in_retry_after_is_understood() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    busy = Reply(503, {}, {"retry-after": at})
    with answering(busy) as server, pytest.raises(RateLimited) as caught:
        mailbox_at(server).calendars()

    assert caught.value.retry_after > timedelta(seconds=280)
