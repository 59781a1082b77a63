"""Facts about Google: what goes over the wire, and what its answers mean."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendars.providers.base import (
    Changed,
    CursorExpired,
    Gone,
    Mailbox,
    PollOnly,
    SubscriptionExists,
)
from calendars.providers.google import Google, events, oauth, persons, properties, schedules
from calendars.providers.google.errors import EventIdTaken, google_error
from calendars.vocabulary.events import (
    Attendee,
    Moment,
    Notify,
    RemoteEvent,
    RemotePerson,
    Removed,
    ResponseStatus,
)
from tests.calendars.providers.contract import ADA, WINDOW, tasting
from tests.calendars.providers.vendor_harness import GoogleHarness
from tests.communications.providers.answering import Answer as Reply
from tests.communications.providers.answering import Server, answering
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    CredentialsRejected,
    MalformedRequest,
    OutcomeUnknown,
    PermanentError,
    RateLimited,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Response
from wedsync_comms.lib.web.webhook_request import WebhookRequest

HOLIDAYS = "en.uk#holiday@group.v.calendar.google.com"


def error(status: int, reason: str, message: str = "", **more: str) -> Response:
    detail = {"domain": "global", "reason": reason, "message": message, **more}
    body = {"error": {"code": status, "message": message, "errors": [detail]}}
    return Response(status, {}, json.dumps(body).encode())


def people_error(status: int, code: str, reason: str = "") -> Response:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    body = {"error": {"code": status, "status": code, "details": details if reason else []}}
    return Response(status, {}, json.dumps(body).encode())


def google(server: Server) -> Google:
    return Google(
        client_id="c", client_secret="s", api_url=server.url, token_url=f"{server.url}/token"
    )


def item(**fields: Any) -> dict[str, Any]:
    times = {
        "start": {"dateTime": "2026-06-01T10:00:00+02:00", "timeZone": "Europe/Vienna"},
        "end": {"dateTime": "2026-06-01T11:00:00+02:00", "timeZone": "Europe/Vienna"},
    }
    return {"id": "e1", "etag": '"1"', "status": "confirmed", **times, **fields}


def read(**fields: Any) -> RemoteEvent:
    found = events.read_google_event(item(**fields), "Europe/Berlin")
    assert isinstance(found, RemoteEvent)
    return found


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "badRequest"), PermanentError),
        (error(400, "timeRangeEmpty"), PermanentError),
        (error(401, "authError"), CredentialsRejected),
        (error(403, "rateLimitExceeded"), RateLimited),
        (error(403, "userRateLimitExceeded"), RateLimited),
        (error(429, "rateLimitExceeded"), RateLimited),
        (error(403, "quotaExceeded"), RateLimited),
        (error(403, "forbiddenForNonOrganizer"), PermanentError),
        (error(403, "insufficientPermissions"), PermanentError),
        (error(403, "accessNotConfigured"), ConfigurationRejected),
        (error(404, "notFound"), Gone),
        (error(409, "duplicate"), EventIdTaken),
        (error(409, "conflict"), Changed),
        (error(410, "deleted"), Gone),
        (error(410, "fullSyncRequired"), CursorExpired),
        (error(410, "updatedMinTooLongAgo"), CursorExpired),
        (error(400, "invalid", location="syncToken"), CursorExpired),
        (error(412, "conditionNotMet"), Changed),
        (error(500, "backendError"), ServerFailed),
        (error(400, "channelIdNotUnique"), SubscriptionExists),
        (error(400, "push.webhookUrlNotHttps"), ConfigurationRejected),
        (error(400, "pushNotSupportedForRequestedResource"), PollOnly),
        (people_error(400, "INVALID_ARGUMENT", "EXPIRED_SYNC_TOKEN"), CursorExpired),
        (people_error(400, "FAILED_PRECONDITION"), Changed),
        (people_error(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), RateLimited),
        (people_error(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), PermanentError),
        (Response(401, {}, b"<html>"), CredentialsRejected),
        (Response(502, {}, b"<html>"), ServerFailed),
        (Response(400, {}, b"[]"), PermanentError),
    ],
)
def test_a_refusal_is_named_for_its_remedy(answer: Response, kind: type[Exception]) -> None:
    assert type(google_error(answer, is_safe=False)) is kind


@pytest.mark.parametrize(
    "answer",
    [error(403, "quotaExceeded"), error(403, "x", "Calendar usage limits exceeded.")],
)
def test_a_used_up_quota_takes_hours(answer: Response) -> None:
    found = google_error(answer, is_safe=True)

    assert isinstance(found, RateLimited)
    assert found.retry_after >= timedelta(hours=1)


# --- events -------------------------------------------------------------------------------------


def test_a_zone_nobody_knows_is_told_and_the_instant_is_right() -> None:
    start = {"dateTime": "2026-06-01T10:00:00+02:00", "timeZone": "Mars/Base"}

    found = read(start=start)

    assert "Mars/Base" in found.problem
    assert found.text.start.instant == datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert found.text.start.zone == "UTC"


def test_an_hour_without_a_zone_is_one_of_the_calendar() -> None:
    found = read(start={"dateTime": "2026-06-01T10:00:00+02:00"})

    assert found.text.start.zone == "Europe/Berlin"


def test_a_day_is_one_of_the_calendar() -> None:
    found = read(start={"date": "2026-06-01"}, end={"date": "2026-06-03"})

    assert found.text.is_all_day
    assert found.text.start == Moment(wall=datetime(2026, 6, 1), zone="Europe/Berlin")  # noqa: DTZ001
    assert found.text.end.instant - found.text.start.instant == timedelta(days=2)


@pytest.mark.parametrize(
    "fields",
    [
        {"start": None},
        {"start": {"dateTime": "noon"}},
        {"start": {"date": "tomorrow"}},
        {"end": {}},
    ],
)
def test_an_event_without_a_time_says_so_and_stops_nobody(fields: dict[str, Any]) -> None:
    found = read(**fields)

    assert found.is_timeless
    assert found.time_problem


def test_an_event_without_an_id_is_an_error() -> None:
    with pytest.raises(TransientError):
        events.read_google_event(item(id=None), "UTC")


def test_of_guests_that_are_not_all_told_none_can_be_changed() -> None:
    present = read(attendees=[{"email": "me@x.example"}], attendeesOmitted=True)

    assert "attendees" not in events.patch_body(
        tasting(attendees=present.text.attendees), present, "h"
    )
    with pytest.raises(PermanentError, match="all of its guests"):
        events.patch_body(tasting(attendees=()), present, "h")


def test_a_guest_without_an_address_stays() -> None:
    named = {"displayName": "The band", "responseStatus": "accepted"}
    present = read(attendees=[named, {"email": "a@x.example"}])

    body = events.patch_body(tasting(attendees=()), present, "h")

    assert body["attendees"] == [named]


def test_of_a_deleted_event_no_more_than_its_id_is_needed() -> None:
    assert events.read_google_event({"id": "e1", "status": "cancelled"}, "UTC") == Removed(id="e1")


def test_a_cancelled_event_that_is_whole_says_so() -> None:
    found = read(status="cancelled")

    assert found.is_cancelled
    assert not found.is_busy


@pytest.mark.parametrize(
    ("fields", "is_busy"),
    [
        ({}, True),
        ({"transparency": "transparent"}, False),
        ({"eventType": "workingLocation"}, False),
        ({"eventType": "birthday"}, False),
        ({"eventType": "outOfOffice"}, True),
        ({"attendees": [{"email": "a@x", "self": True, "responseStatus": "declined"}]}, False),
        ({"attendees": [{"email": "a@x", "responseStatus": "declined"}]}, True),
        ({"attendees": [{"email": "a@x", "self": True, "responseStatus": "tentative"}]}, True),
    ],
)
def test_what_takes_time(fields: dict[str, Any], is_busy: bool) -> None:  # noqa: FBT001
    assert read(**fields).is_busy is is_busy


def test_a_guest_is_read_with_everything() -> None:
    guest = {
        "email": "a@x.example",
        "displayName": "A",
        "responseStatus": "accepted",
        "optional": True,
        "organizer": True,
        "self": True,
    }

    assert read(attendees=[guest]).text.attendees == (
        Attendee(
            email="a@x.example",
            name="A",
            answer=ResponseStatus.ACCEPTED,
            is_optional=True,
            is_organizer=True,
            is_self=True,
        ),
    )


def test_what_we_do_not_know_about_a_guest_is_not_lost() -> None:
    present = read(attendees=[{"email": "Room@x.example", "resource": True, "comment": "c"}])
    more = (*present.text.attendees, Attendee(email="b@x.example"))

    body = events.patch_body(tasting(attendees=more), present, "h")

    assert body["attendees"] == [
        {
            "email": "Room@x.example",
            "resource": True,
            "comment": "c",
            "responseStatus": "needsAction",
        },
        {"email": "b@x.example", "responseStatus": "needsAction"},
    ]


def test_the_owner_stays_among_the_guests_named_or_not() -> None:
    owner = {"email": "me@x.example", "self": True, "organizer": True, "responseStatus": "accepted"}
    present = read(attendees=[owner, {"email": "a@x.example"}])
    only = (Attendee(email="a@x.example"),)
    more = (*only, Attendee(email="b@x.example"))

    assert "attendees" not in events.patch_body(tasting(attendees=only), present, "h")
    body = events.patch_body(tasting(attendees=more), present, "h")
    assert [attendee["email"] for attendee in body["attendees"]] == [
        "me@x.example",
        "a@x.example",
        "b@x.example",
    ]
    assert body["attendees"][0] == owner


def test_a_conference_has_a_link_in_one_of_two_places() -> None:
    entry = {"entryPointType": "video", "uri": "https://meet.example/1"}

    assert read(conferenceData={"entryPoints": [entry]}).conference_url == "https://meet.example/1"
    assert read(hangoutLink="https://meet.example/2").conference_url == "https://meet.example/2"
    phone = {"entryPointType": "phone", "uri": "tel:+43"}
    assert read(conferenceData={"entryPoints": [phone]}).conference_url == ""


def test_an_event_of_somebody_else_gets_no_key_of_ours() -> None:
    body = events.patch_body(tasting(title="x"), read(), "h")

    assert properties.KEY not in body["extendedProperties"]["private"]


def test_an_id_is_made_of_what_google_allows_and_follows_from_the_key() -> None:
    made = events.google_event_id("key", "calendar", 1)

    assert set(made) <= set("abcdefghijklmnopqrstuv0123456789")
    assert made == events.google_event_id("key", "calendar", 1)
    others = [("key", "calendar", 2), ("key", "other", 1), ("other", "calendar", 1)]
    assert made not in [events.google_event_id(*event) for event in others]


# --- over the wire ------------------------------------------------------------------------------


class TestTheWire:
    @pytest.fixture(autouse=True)
    def _other_side(self, sandbox_server: SandboxServer) -> Iterator[None]:
        self.harness = GoogleHarness(sandbox_server)
        self.harness.rest()
        yield
        self.harness.no_faults()

    @pytest.fixture
    def mailbox(self) -> Mailbox:
        return self.harness.mailbox()

    def test_holidays_are_not_announced(self, mailbox: Mailbox) -> None:
        with pytest.raises(PollOnly):
            mailbox.subscribe(HOLIDAYS, id="c1", url="http://127.0.0.1:9/", secret="s")

    def test_contacts_are_not_announced(self, mailbox: Mailbox) -> None:
        with pytest.raises(PollOnly):
            mailbox.subscribe("people", id="c1", url="http://127.0.0.1:9/", secret="s")

    def test_a_channel_is_replaced_and_not_renewed(self, mailbox: Mailbox) -> None:
        push = mailbox.subscribe(self.harness.owner, id="c1", url="http://127.0.0.1:9/", secret="s")

        with pytest.raises(PollOnly):
            mailbox.renew(push)
        assert mailbox.subscribe(self.harness.owner, id="c2", url="http://127.0.0.1:9/", secret="s")

    @pytest.mark.parametrize("fault", ["drop_connection", "bad_body", "status"])
    def test_a_channel_whose_answer_was_lost_may_be_there(
        self, mailbox: Mailbox, fault: str
    ) -> None:
        options = {} if fault == "bad_body" else {"mode": "after"}
        self.harness.fault(**{fault: {**options, "only": ["POST"]}})

        with pytest.raises(OutcomeUnknown):
            mailbox.subscribe(self.harness.owner, id="c1", url="http://127.0.0.1:9/", secret="s")

    def test_a_contact_whose_answer_was_lost_may_be_there(self, mailbox: Mailbox) -> None:
        self.harness.fault(drop_connection={"mode": "after", "only": ["POST"]})

        with pytest.raises(OutcomeUnknown):
            mailbox.create_person(ADA)

    def test_a_free_busy_that_failed_is_not_free(self, mailbox: Mailbox) -> None:
        self.harness.fault(free_busy_error={"reason": "internalError"})

        [found] = mailbox.free_busy([self.harness.owner], WINDOW["start"], WINDOW["end"])

        assert (found.problem, found.spans) == ("internalError", ())

    def test_fifty_calendars_are_asked_about_at_a_time(self, mailbox: Mailbox) -> None:
        many = [self.harness.owner, *(f"{n}@nowhere.example" for n in range(60))]

        found = mailbox.free_busy(many, WINDOW["start"], WINDOW["end"])

        assert [entry.calendar for entry in found] == many
        assert [bool(entry.problem) for entry in found] == [False, *[True] * 60]

    def test_an_id_that_is_taken_by_a_stranger_is_no_event_of_ours(self, mailbox: Mailbox) -> None:
        given: dict[str, Any] = {"generation": 1, "written_hash": "h", "notify": Notify.NOBODY}
        made = mailbox.create(self.harness.owner, tasting(), key="k", **given)
        self.harness.changes(made.id, extendedProperties={"private": {"wedsync": "another"}})

        with pytest.raises(PermanentError, match="Another event"):
            mailbox.create(self.harness.owner, tasting(), key="k", **given)

    def test_a_merged_contact_knows_what_it_was(self, mailbox: Mailbox) -> None:
        keep, drop = (
            self.harness.adds_person(name=name, emails=[f"{name}@example.com"]) for name in "ab"
        )
        cursor = mailbox.people("").cursor

        self.harness.control("POST", "/people/merge", {"keep": keep, "drop": drop})

        changed = mailbox.people(cursor).items
        assert [
            content.previous_ids
            for content in changed
            if isinstance(content, RemotePerson) and content.previous_ids
        ]

    def test_a_contact_keeps_the_labels_of_what_stays(self, mailbox: Mailbox) -> None:
        first = next(
            person for person in mailbox.people("").items if isinstance(person, RemotePerson)
        )

        written = mailbox.update_person(
            RemotePerson(
                **{
                    **{name: getattr(first, name) for name in ("id", "etag", "emails", "notes")},
                    "given_name": first.given_name,
                    "family_name": first.family_name,
                    "phones": (*first.phones, "+43 1 1"),
                    "company": "Now with a company",
                }
            )
        )

        assert written.raw["phoneNumbers"][0]["type"] == "mobile"
        assert written.phones == (*first.phones, "+43 1 1")
        assert written.company == "Now with a company"

    def test_who_leaves_the_group_that_is_followed_is_gone_from_it(self, mailbox: Mailbox) -> None:
        group = next(folder.id for folder in mailbox.people_groups() if folder.name == "Suppliers")
        person = self.harness.adds_person(name="a", emails=["a@example.com"], groups=["Suppliers"])
        cursor = mailbox.people("", group=group).cursor

        self.harness.changes_person(person, groups=[])

        [removed] = mailbox.people(cursor, group=group).items
        assert isinstance(removed, Removed)

    def test_who_unticks_a_box_grants_less(self) -> None:
        vendor = self.harness.vendor()
        consent = vendor.consent("http://localhost/cb", "s")
        fewer = consent.url.replace("auth%2Fcontacts", "auth%2Fcalendar.readonly")

        grant = vendor.redeem(consent.flow, self.harness.consents(fewer))

        assert oauth.CONTACTS not in grant.scopes
        with pytest.raises(PermanentError):
            vendor.mailbox(grant.access_token).people("")


# --- answers that no sandbox gives --------------------------------------------------------------


def test_a_last_page_without_a_cursor_is_an_error() -> None:
    with answering(Reply(200, {"items": [], "timeZone": "UTC"})) as server:
        mailbox = google(server).mailbox("t")

        with pytest.raises(TransientError):
            mailbox.changes("c", "", **WINDOW)
        with pytest.raises(TransientError):
            mailbox.people("")


def test_a_410_without_a_reason_means_the_cursor() -> None:
    with answering(Reply(410, {})) as server, pytest.raises(CursorExpired):
        google(server).mailbox("t").changes("c", "", **WINDOW)


def test_a_request_is_sent_once() -> None:
    """httplib2 would try a broken connection a second and a third time."""
    with answering(Reply(hangs_up=True)) as server:
        with pytest.raises(TransientError):
            google(server).mailbox("t").calendars()

        assert len(server.asked) == 1


def test_pages_have_what_the_first_question_had() -> None:
    first = {"items": [], "nextPageToken": "p2"}
    with answering(Reply(200, first), Reply(200, {"items": [], "nextSyncToken": "s"})) as server:
        cursor = google(server).mailbox("t").changes("c", "", **WINDOW).cursor
        google(server).mailbox("t").changes("c", cursor, **WINDOW)

        opening, following, since = (asked.path for asked in server.asked)
    assert "timeMin=" in opening
    assert "timeMin=" in following
    assert "pageToken=p2" in following
    assert "syncToken=s" in since
    assert "timeMin=" not in since
    assert all("singleEvents=true" in path for path in (opening, following, since))


@pytest.mark.parametrize(
    "said",
    [None, {}, {"busy": 7}, {"busy": [{"start": "noon"}]}, {"busy": [], "errors": [{}]}],
)
def test_whatever_is_not_told_is_not_free(said: Any) -> None:
    assert schedules.google_busy("c", said).problem


@pytest.mark.parametrize("expiration", ["soon", None, "", "-1"])
def test_a_channel_without_an_end_is_no_channel(expiration: Any) -> None:
    reply = Reply(200, {"id": "c", "resourceId": "r", "expiration": expiration})
    with answering(reply) as server, pytest.raises(TransientError):
        google(server).mailbox("t").subscribe("c", id="c", url="https://x.example", secret="s")


def test_a_consent_without_a_refresh_token_is_of_no_use() -> None:
    with answering(Reply(200, {"access_token": "a", "expires_in": 3600})) as server:
        vendor = google(server)
        flow = vendor.consent("http://localhost/cb", "s").flow

        with pytest.raises(PermanentError, match="lasting"):
            vendor.redeem(flow, {"state": "s", "code": "c"})


def test_a_token_without_claims_or_life_will_do() -> None:
    body = {"access_token": "a", "refresh_token": "r", "id_token": "x.!.y", "expires_in": "soon"}
    with answering(Reply(200, body)) as server:
        vendor = google(server)
        flow = vendor.consent("http://localhost/cb", "s").flow

        grant = vendor.redeem(flow, {"state": "s", "code": "c"})

    assert (grant.subject, grant.email, grant.scopes) == ("", "", ())
    assert grant.expires_at > datetime.now(UTC) + timedelta(minutes=50)


def test_a_refresh_without_a_token_is_an_accident(sandbox_server: SandboxServer) -> None:
    harness = GoogleHarness(sandbox_server)
    harness.rest()
    grant = harness.grant(harness.vendor())

    with answering(Reply(200, {"expires_in": 3600})) as server, pytest.raises(TransientError):
        google(server).refresh(grant)
    with answering(Reply(200, {"access_token": "new"})) as server:
        assert google(server).refresh(grant).refresh_token == grant.refresh_token


def test_claims_that_cannot_be_read_are_none() -> None:
    assert oauth.claims_of("") == {}
    assert oauth.claims_of("a.AAAA.c") == {}


# --- pushes -------------------------------------------------------------------------------------


def push(**headers: str) -> WebhookRequest:
    given = {
        "x-goog-channel-id": "c1",
        "x-goog-resource-id": "r1",
        "x-goog-resource-state": "exists",
        "x-goog-channel-token": "secret",
        "x-goog-channel-expiration": "Tue, 19 Nov 2013 01:13:52 GMT",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(method="POST", url="", headers={**given, **named}, body=b"\xff")


def vendor() -> Google:
    return Google(client_id="c", client_secret="s")


@pytest.mark.parametrize(
    ("state", "what"),
    [("sync", "live"), ("exists", "changed"), ("not_exists", "changed"), ("new", "changed")],
)
def test_the_state_of_a_push_is_in_our_words(state: str, what: str) -> None:
    [said] = vendor().pushed(push(x_goog_resource_state=state))

    assert (said.what, said.subscription, said.secret, said.resource_id) == (
        what,
        "c1",
        "secret",
        "r1",
    )


@pytest.mark.parametrize(
    ("value", "expires_at"),
    [
        ("Tue, 19 Nov 2013 01:13:52 GMT", datetime(2013, 11, 19, 1, 13, 52, tzinfo=UTC)),
        ("Tue, 19 Nov 2013 01:13:52 -0000", datetime(2013, 11, 19, 1, 13, 52, tzinfo=UTC)),
        ("1384823632000", None),
        ("", None),
        ("never", None),
    ],
)
def test_the_end_of_a_channel_is_a_date_for_people(value: str, expires_at: datetime | None) -> None:
    [said] = vendor().pushed(push(x_goog_channel_expiration=value))

    assert said.expires_at == expires_at


@pytest.mark.parametrize("channel", ["", "x" * 65])
def test_a_channel_without_a_possible_id_is_malformed(channel: str) -> None:
    with pytest.raises(MalformedRequest):
        list(vendor().pushed(push(x_goog_channel_id=channel)))


# --- people -------------------------------------------------------------------------------------


def test_a_person_without_an_id_is_an_error() -> None:
    with pytest.raises(TransientError):
        persons.read_google_person({"names": []})


def test_a_person_that_was_deleted_is_gone() -> None:
    with pytest.raises(Gone):
        persons.undeleted_person(
            persons.read_google_person({"resourceName": "people/1", "metadata": {"deleted": True}})
        )


def entry(value: str, source: str = "CONTACT", **more: Any) -> dict[str, Any]:
    marks = {"source": {"type": source, "id": "1"}, **more.pop("metadata", {})}
    return {"value": value, "metadata": marks, **more}


def own_name(source: str = "CONTACT", **parts: str) -> dict[str, Any]:
    return {"metadata": {"source": {"type": source, "id": "1"}}, **parts}


def google_person(**fields: Any) -> RemotePerson:
    found = persons.read_google_person({"resourceName": "people/1", "etag": "e", **fields})
    assert isinstance(found, RemotePerson)
    return found


def test_the_primary_address_comes_first_and_the_users_own_before_a_profiles() -> None:
    person = google_person(
        emailAddresses=[
            entry("accounts@hart.example"),
            entry("profile@hart.example", "PROFILE", metadata={"primary": True}),
            entry("zoe@private.example", metadata={"sourcePrimary": True}),
            entry("accounts@hart.example", "DOMAIN_PROFILE"),
        ],
        names=[
            own_name("PROFILE", displayName="Zed", givenName="Zed"),
            own_name(displayName="Zoë Hart", givenName="Zoë", familyName="Hart"),
        ],
    )
    assert person.emails == (
        "zoe@private.example",
        "accounts@hart.example",
        "profile@hart.example",
    )
    assert (person.name, person.given_name) == ("Zoë Hart", "Zoë")


def test_google_says_which_number_is_of_a_mobile_and_which_of_a_fax() -> None:
    numbers = [entry("1", type="workFax"), entry("2", type="mobile"), entry("3", type="Bridesmaid")]
    assert google_person(phoneNumbers=numbers).phone_kinds == {"1": "fax", "2": "cell"}


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        (["mobile", "homeFax"], "cell"),
        (["homeFax", "mobile"], "cell"),
        (["work", "mobile", "workFax"], "cell"),
        (["work", "workFax"], "work"),
        (["workFax", "main", "home"], "main"),
        (["Bridesmaid", "pager"], None),
        (["workFax", "pager"], "fax"),
    ],
)
def test_a_number_that_is_there_twice_is_a_fax_only_if_both_are(
    types: list[str], kind: str | None
) -> None:
    numbers = [entry("1", type=type_of_number) for type_of_number in types]
    assert google_person(phoneNumbers=numbers).phone_kinds.get("1") == kind


def test_a_number_that_is_there_twice_stays_so_when_another_is_added() -> None:
    numbers = [entry("1", type="mobile"), entry("1", type="homeFax")]
    present = google_person(phoneNumbers=numbers)
    wanted = dataclasses.replace(present, phones=("1", "2"))
    changes = persons.google_person_changes(wanted, present)
    assert [(number["value"], number.get("type")) for number in changes["phoneNumbers"]] == [
        ("1", "mobile"),
        ("1", "homeFax"),
        ("2", None),
    ]


def test_what_a_profile_says_is_not_written_into_the_contact() -> None:
    present = google_person(
        emailAddresses=[entry("own@hart.example", type="home"), entry("p@hart.example", "PROFILE")]
    )
    wanted = dataclasses.replace(present, emails=(*present.emails, "new@hart.example"))
    changes = persons.google_person_changes(wanted, present)
    assert [(e["value"], e.get("type")) for e in changes["emailAddresses"]] == [
        ("own@hart.example", "home"),
        ("new@hart.example", None),
    ]


@pytest.mark.usefixtures("sandbox_server")
def test_a_new_surname_keeps_what_else_google_knows_of_a_name(
    sandbox_server: SandboxServer,
) -> None:
    harness = GoogleHarness(sandbox_server)
    harness.rest()
    mailbox: Any = harness.mailbox()
    kept = {
        "honorificPrefix": "Dr.",
        "middleName": "Maria",
        "honorificSuffix": "MA",
        "phoneticGivenName": "zo-ee",
        "phoneticFamilyName": "hart",
    }
    body = {"names": [{"givenName": "Zoë", "familyName": "Hart", **kept}]}
    made = mailbox.calls.run(mailbox.book.createContact(body=body, personFields="names"))

    present = mailbox.person(made["resourceName"])
    written = mailbox.update_person(dataclasses.replace(present, family_name="Lee"))

    [name] = written.raw["names"]
    assert {part: name.get(part) for part in kept} == kept
    assert (name["familyName"], written.name) == ("Lee", "Dr. Zoë Maria Lee MA")


def test_googles_own_hosts_are_the_default() -> None:
    made = vendor()

    assert made.calendar._baseUrl.startswith("https://www.googleapis.com/calendar/v3/")
    assert made.people._baseUrl.startswith("https://people.googleapis.com/")
