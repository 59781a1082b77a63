"""Appointments, accounts and availability as the callers of the API see them; and that nobody sees
another organization's."""
# ruff: noqa: ARG001 (fixtures that only have to be there)

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models
from django.urls import URLPattern

from calendars.api.urls import router
from calendars.appointments.booking import book_appointment
from calendars.linking import accounts
from calendars.models import Account, Appointment, Calendar
from communications.models import Organization, Role
from tests import factories
from tests.calendars.fake_vendor import FakeVendor
from tests.calendars.test_booking import booking_request
from tests.communications.edges.test_api import Api
from wedsync_comms.lib.errors import TransientError

pytestmark = pytest.mark.django_db

BOOKING = {
    "title": "Tasting",
    "start": "2027-06-05T10:00:00",
    "end": "2027-06-05T11:00:00",
    "zone": "Europe/London",
}
SLOTS = "availability/?from=2027-06-05T08:00:00Z&to=2027-06-05T12:00:00Z&duration=60"
SECRET = "Zanzibar"


@pytest.fixture
def api(organization: Organization, calendar: Calendar) -> Api:
    return Api(factories.member(organization))


def test_book_look_change_cancel(api: Api, fake_vendor: FakeVendor) -> None:
    people = [{"email": "Amelia@e.com", "role": "couple"}]
    made = api.post("appointments/", {**BOOKING, "participants": people, "tags": ["hart"]})
    assert made.status_code == 201, made.content
    assert made["ETag"] == '"1"'
    shown = made.json()
    assert shown["starts_at"] == "2027-06-05T09:00:00Z"
    assert shown["participants"][0]["answer"] == "needed"
    assert shown["is_written"] is False
    path = f"appointments/{shown['id']}/"
    changed = api("PATCH", path, {"title": "Cake"}, If_Match='"1"')
    assert (changed.json()["title"], changed["ETag"]) == ("Cake", '"2"')
    assert api("PATCH", path, {"title": "Old"}, If_Match='"1"').status_code == 412
    assert api("PATCH", path, {"title": "Old"}, If_Match="x").status_code == 412
    assert api.post(f"{path}cancel/").json()["status"] == "cancelled"
    assert api.post(f"{path}cancel/").status_code == 409
    assert [change["what"] for change in api.get(f"{path}changes/")] == [
        "booked",
        "changed",
        "cancelled",
    ]
    assert len(api.get("appointments/?status=cancelled")["results"]) == 1
    assert api.get("appointments/?starts_after=2027-06-06T00:00:00Z")["results"] == []
    assert fake_vendor.calls == ["free_busy"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": "2027-06-05T10:00:00Z"}, "start"),
        ({"start": "soon"}, "start"),
        ({"start": "2027-03-28T01:30:00", "end": "2027-03-28T02:30:00"}, "start"),
        ({"end": "2027-06-05T10:00:00"}, "end"),
        ({"start": "0001-01-01T00:00:00", "end": "0001-01-01T01:00:00"}, "start"),
        (
            {
                "start": "0001-01-01T00:00:00",
                "end": "0001-01-01T01:00:00",
                "zone": "Pacific/Auckland",
            },
            "start",
        ),
        (
            {
                "start": "9999-12-31T22:00:00",
                "end": "9999-12-31T23:00:00",
                "zone": "America/Los_Angeles",
            },
            "start",
        ),
        ({"end": "9999-12-31T23:59:59", "zone": "Etc/GMT+12"}, "end"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"title": ""}, "title"),
        ({"calendar": 999}, "calendar"),
        ({"also_free": [999]}, "also_free"),
        ({"participants": [{"contact": 999}]}, "participants"),
        ({"participants": [{}]}, "participants"),
        ({"participants": [{"email": "no"}]}, "participants"),
        ({"titel": "x"}, "titel"),
    ],
)
def test_what_cannot_be_booked_says_which_field(
    api: Api,
    change: dict[str, Any],
    field: str,
) -> None:
    answer = api.post("appointments/", {**BOOKING, **change})
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert not Appointment.objects.exists()


def test_a_taken_time_and_an_unknown_one_are_conflicts(api: Api, fake_vendor: FakeVendor) -> None:
    api.post("appointments/", BOOKING)
    assert api.post("appointments/", BOOKING).json()["detail"] == "This time is taken."
    fake_vendor.down = TransientError("503")
    later = {"start": "2027-06-06T10:00:00", "end": "2027-06-06T11:00:00"}
    answer = api.post("appointments/", {**BOOKING, **later})
    assert answer.status_code == 409
    assert "Nobody can tell" in answer.json()["detail"]


def test_a_booking_repeated_with_its_key_is_answered_as_the_first(api: Api) -> None:
    first = api.post("appointments/", BOOKING, Idempotency_Key="form-17")
    again = api.post("appointments/", BOOKING, Idempotency_Key="form-17")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = api.post("appointments/", {**BOOKING, "title": "Cake"}, Idempotency_Key="form-17")
    assert other.status_code == 422
    assert "Idempotency-Key" in other.json()["detail"]
    long = api.post("appointments/", BOOKING, Idempotency_Key="k" * 201)
    assert (long.status_code, list(long.json())) == (400, ["detail"])
    assert Appointment.objects.count() == 1


def test_availability(api: Api, calendar: Calendar, fake_vendor: FakeVendor) -> None:
    api.post("appointments/", BOOKING)
    found = api.get(SLOTS)
    assert found["slots"][0]["start"] == "2027-06-05T10:00:00Z"
    assert list(found["busy"]) == [str(calendar.pk)]
    fake_vendor.problem = "internalError"
    found = api.get(f"{SLOTS}&calendars={calendar.pk}")
    assert (found["slots"], found["unknown"][0]["problem"]) == ([], "internalError")
    assert api("GET", f"{SLOTS}&calendars=x").status_code == 400
    required = ["This field is required."]
    assert api("GET", "availability/").json() == dict.fromkeys(("from", "to", "duration"), required)
    assert api("GET", f"{SLOTS}&calendars=999").status_code == 400


def test_accounts_are_shown_chosen_and_disconnected(api: Api, account: Account) -> None:
    accounts.refresh_calendars(account)
    main = account.calendars.get(remote_id="main")
    path = f"calendar-accounts/{account.pk}/"
    shown = api.get(path)
    assert shown["email"] == account.email
    assert account.grant not in json.dumps(shown)
    assert "token" not in json.dumps(shown)
    chosen = api.post(f"{path}choose/", {"followed": [main.pk], "default": main.pk}).json()
    assert [row["is_followed"] for row in chosen["calendars"] if row["id"] == main.pk] == [True]
    assert api.post(f"{path}disconnect/").json()["status"] == "disconnected"


def test_viewers_only_look(organization: Organization, calendar: Calendar) -> None:
    made = book_appointment(organization, booking_request())
    viewer = Api(factories.member(organization, role=Role.VIEWER))
    viewer.get(f"appointments/{made.pk}/")
    assert viewer.post("appointments/", BOOKING).status_code == 403
    assert viewer.post(f"appointments/{made.pk}/cancel/").status_code == 403
    assert viewer.post(f"calendar-accounts/{calendar.account_id}/disconnect/").status_code == 403


# Every route, and a body that would be accepted from its owner.
COLLECTIONS: dict[str, dict[str, Any]] = {
    "appointment-list": BOOKING,
    "calendar-account-list": {},
    "availability-list": {},
}
DETAILS: dict[str, dict[str, Any]] = {
    "appointment-detail": {"title": "Mallory"},
    "appointment-cancel": {},
    "appointment-changes": {},
    "calendar-account-detail": {},
    "calendar-account-disconnect": {},
    "calendar-account-choose": {"followed": []},
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes() -> dict[str, str]:
    return {
        str(route.name): str(route.pattern).removeprefix("^").removesuffix("$").replace("\\", "")
        for route in router.urls
        if isinstance(route, URLPattern)
    }


def test_every_route_is_walked_here() -> None:
    assert set(routes()) == {*COLLECTIONS, *DETAILS}


@pytest.fixture
def theirs(organization: Organization, calendar: Calendar) -> Appointment:
    Account.objects.update(email=f"{SECRET}@example.com")
    Calendar.objects.update(name=SECRET)
    return book_appointment(organization, booking_request(title=SECRET))


def snapshot() -> list[Any]:
    tables: tuple[type[models.Model], ...] = (Account, Calendar, Appointment)
    return [list(model._default_manager.order_by("pk").values()) for model in tables]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DETAILS)
def test_what_belongs_to_others_is_not_there(theirs: Appointment, name: str, method: str) -> None:
    mallory, before = Api(factories.member()), snapshot()
    key = theirs.pk if name.startswith("appointment") else theirs.calendar.account_id
    path = routes()[name].replace("(?P<pk>[^/.]+)", str(key))
    answer = mallory(method, path, DETAILS[name])
    assert answer.status_code in {404, 405}
    assert SECRET not in answer.content.decode()
    assert snapshot() == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", COLLECTIONS)
def test_lists_hold_nothing_of_others(theirs: Appointment, name: str, method: str) -> None:
    mallory, before = Api(factories.member()), snapshot()
    answer = mallory(method, routes()[name], COLLECTIONS[name])
    assert answer.status_code in {200, 400, 405}
    assert SECRET not in answer.content.decode()
    if answer.status_code == 200:
        assert answer.json()["results"] == []
    assert snapshot() == before


def test_their_calendars_cannot_be_used(theirs: Appointment) -> None:
    mallory = Api(factories.member())
    for field in ({"calendar": theirs.calendar_id}, {"also_free": [theirs.calendar_id]}):
        assert mallory.post("appointments/", {**BOOKING, **field}).status_code == 400
    assert mallory("GET", f"{SLOTS}&calendars={theirs.calendar_id}").status_code == 400
    assert mallory.get(f"appointments/?calendar={theirs.calendar_id}")["results"] == []


def test_it_is_all_in_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    told = capsys.readouterr().out
    for path in ("appointments", "calendar-accounts", "availability"):
        assert f"/api/{path}/" in told
