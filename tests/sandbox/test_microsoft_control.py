"""The other side of an Outlook calendar, through the control API."""

from typing import Any

import pytest
import requests

from tests.sandbox.graph import HOME, WINDOW, WORK, GraphApi, guest, keyed
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
PLAIN = {"title": "Cake tasting", "start": "2027-06-20T14:00", "end": "2027-06-20T15:30",
         "zone": "Europe/Berlin"}  # fmt: skip


def add(sandbox: SandboxServer, **fields: Any) -> Json:
    made: Json = sandbox.control("POST", "/microsoft/events", {**PLAIN, **fields})
    return made


def refused(sandbox: SandboxServer, method: str, path: str, json: Json) -> int:
    answer = requests.request(
        method, f"{sandbox.url}/control/microsoft{path}", json=json, timeout=5
    )
    return answer.status_code


def test_calendars_are_shown_with_what_is_in_them(sandbox: SandboxServer) -> None:
    add(sandbox, attendees=["zoe@example.com"], place="The Long Barn", key="a1")
    calendars = sandbox.control("GET", "/microsoft/calendars")["calendars"]
    assert [(calendar["name"], calendar["account"]) for calendar in calendars] == [
        ("Calendar", WORK), ("Viewings", WORK), ("Calendar", HOME), ("Viewings", HOME),
    ]  # fmt: skip
    shown = next(calendar for calendar in calendars[0]["events"] if calendar["key"] == "a1")
    assert (
        shown
        | {
            "title": "Cake tasting",
            "start": "2027-06-20T14:00",
            "end": "2027-06-20T15:30",
            "zone": "Europe/Berlin",
            "all_day": False,
            "cancelled": False,
            "organizer": WORK,
            "attendees": [
                {"email": "zoe@example.com", "name": "zoe@example.com", "answer": "needed"}
            ],
            "place": "The Long Barn",
        }
        == shown
    )
    assert "Team meeting" in {calendar["title"] for calendar in calendars[0]["events"]}
    home = sandbox.control("GET", f"/microsoft/calendars?account={HOME}")["calendars"]
    assert len(home) == 2


def test_the_owner_moves_an_event_and_its_guests_are_told(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    made = graph.create(attendees=[guest("zoe@example.com")]).json()
    link = graph.round("/me/calendarView/delta", params=WINDOW)[1]
    path = f"/microsoft/events/{made['id']}"
    moved = sandbox.control("PATCH", path, {"start": "2027-02-11T16:00"})
    assert (moved["start"], moved["end"]) == ("2027-02-11T16:00", "2027-02-11T17:00")
    changed = graph.round(link)[0][0]
    assert changed["start"]["dateTime"].startswith("2027-02-11T16:00")
    assert changed["@odata.etag"] != made["@odata.etag"]
    newest = sandbox.control("GET", "/microsoft/invitations")["invitations"][0]
    assert (newest["kind"], newest["to"]) == ("update", "zoe@example.com")
    sandbox.control("DELETE", path)
    assert "@removed" in graph.round(link)[0][0]


@pytest.mark.parametrize(
    ("answer", "response"),
    [("accepted", "accepted"), ("tentative", "tentativelyAccepted"), ("declined", "declined")],
)
def test_a_guest_answers(
    graph: GraphApi, sandbox: SandboxServer, answer: str, response: str
) -> None:
    made = graph.create(attendees=[guest("Zoe@example.com"), guest("b@example.com")]).json()
    path = f"/microsoft/events/{made['id']}/answers"
    sandbox.control("POST", path, {"email": "zoe@EXAMPLE.com", "answer": answer})
    shown = graph("GET", f"/me/events/{made['id']}").json()
    assert [attendee["status"]["response"] for attendee in shown["attendees"]] == [response, "none"]
    assert shown["@odata.etag"] != made["@odata.etag"]
    kept = graph("PATCH", f"/me/events/{made['id']}",
                 {"attendees": [guest("zoe@example.com")]}).json()  # fmt: skip
    assert kept["attendees"][0]["status"]["response"] == response
    assert refused(sandbox, "POST", f"/events/{made['id']}/answers",
                   {"email": "nobody@example.com", "answer": answer}) == 422  # fmt: skip


def test_somebody_elses_invitation_and_its_end(graph: GraphApi, sandbox: SandboxServer) -> None:
    made = add(sandbox, organizer="florist@example.com")
    shown = graph("GET", f"/me/events/{made['id']}").json()
    assert (shown["isOrganizer"], shown["responseStatus"]["response"]) == (False, "notResponded")
    sandbox.control("PATCH", f"/microsoft/events/{made['id']}", {"cancelled": True})
    shown = graph("GET", f"/me/events/{made['id']}").json()
    assert (shown["isCancelled"], shown["subject"]) == (True, "Canceled: Cake tasting")
    assert sandbox.control("GET", "/microsoft/invitations")["invitations"] == []


@pytest.mark.parametrize("zone", ["tzone://Microsoft/Utc", "tzone://Microsoft/Custom"])
def test_outlook_has_zones_that_nobody_else_has(
    graph: GraphApi, sandbox: SandboxServer, zone: str
) -> None:
    made = add(sandbox, zone=zone)
    shown = graph("GET", f"/me/events/{made['id']}").json()
    assert shown["originalStartTimeZone"] == zone
    assert shown["start"] == {"dateTime": "2027-06-20T14:00:00.0000000", "timeZone": "UTC"}


def test_a_whole_day_is_added_and_moved(sandbox: SandboxServer) -> None:
    made = add(sandbox, all_day=True, start="2027-06-20", end=None)
    assert (made["start"], made["end"]) == ("2027-06-20", "2027-06-21")
    moved = sandbox.control("PATCH", f"/microsoft/events/{made['id']}", {"start": "2027-06-27"})
    assert (moved["start"], moved["end"]) == ("2027-06-27", "2027-06-28")


def test_one_day_of_a_series_is_changed_by_its_owner(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    events = sandbox.control("GET", "/microsoft/calendars")["calendars"][0]["events"]
    occurrence = [event for event in events if event["recurring"]][3]
    sandbox.control("PATCH", f"/microsoft/events/{occurrence['id']}", {"title": "Team lunch"})
    shown = graph("GET", f"/me/events/{occurrence['id']}").json()
    assert (shown["subject"], shown["type"]) == ("Team lunch", "exception")


@pytest.mark.parametrize(
    ("method", "path", "json", "status"),
    [
        ("POST", "/events", {"title": "x"}, 422),
        ("POST", "/events", {**PLAIN, "zone": "Mars"}, 422),
        ("POST", "/events", {**PLAIN, "calendar": "unheard-of"}, 422),
        ("POST", "/events", {**PLAIN, "end": "2027-06-19T14:00"}, 422),
        ("POST", "/events", {**PLAIN, "attendees": ["nobody"]}, 422),
        ("PATCH", "/events/unheard-of", {}, 404),
        ("POST", "/people", {"count": 0}, 422),
        ("POST", "/people", {"account": "nobody@example.com"}, 422),
        ("POST", "/people", {"emails": ["nobody"]}, 422),
        ("PATCH", "/people/unheard-of", {}, 404),
        ("POST", "/clock", {"seconds": "soon"}, 422),
        ("POST", "/pushes/unheard-of/lifecycle", {"event": "missed"}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    sandbox: SandboxServer, method: str, path: str, json: Json, status: int
) -> None:
    assert refused(sandbox, method, path, json) == status


def test_calendars_have_the_same_ids_after_a_reset(graph: GraphApi, sandbox: SandboxServer) -> None:
    graph.create(singleValueExtendedProperties=keyed("a1"))
    before = graph.calendar()
    sandbox.control("POST", "/reset")
    assert graph.calendar() == before
    assert sandbox.control("GET", "/microsoft/stats")["keys"] == {}


def test_the_clock_goes_on_from_where_it_jumped_to(sandbox: SandboxServer) -> None:
    start = sandbox.control("GET", "/microsoft/clock")["now"]
    later = sandbox.control("POST", "/microsoft/clock", {"seconds": 86_400})["now"]
    assert later > start
    sandbox.control("POST", "/reset")
    assert sandbox.control("GET", "/microsoft/clock")["now"] < later
