"""Events of Graph: create once, read in any zone, change, cancel, answer."""

from typing import Any

import pytest
import requests

from tests.sandbox.graph import HOME, KEY, WINDOW, GraphApi, code_of, graph_time, guest, keyed
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
CANCELLED = "cancellation"


def mails(sandbox: SandboxServer) -> list[tuple[str, str]]:
    """Oldest first: which kind to whom."""
    sent = sandbox.control("GET", "/microsoft/invitations")["invitations"]
    return [(mail["kind"], mail["to"]) for mail in reversed(sent)]


def test_an_event_is_created_with_all_that_belongs_to_it(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    answer = graph.create(
        graph.calendar("Viewings"),
        attendees=[guest("Amelia@example.com")],
        location={"displayName": "The Long Barn"},
        body={"contentType": "text", "content": "Bring <boots>"},
        isOnlineMeeting=True,
        singleValueExtendedProperties=keyed("a1"),
    )
    assert answer.status_code == 201
    made = answer.json()
    assert made["start"] == graph_time("2027-02-10T10:00:00.0000000", "UTC")
    assert made["originalStartTimeZone"] == "GMT Standard Time"
    assert made["onlineMeeting"]["joinUrl"].startswith("https://teams.microsoft.com/")
    assert made["attendees"][0]["status"]["response"] == "none"
    assert made["body"]["contentType"] == "html"
    assert "Bring &lt;boots&gt;" in made["body"]["content"]
    assert "singleValueExtendedProperties" not in made
    assert mails(sandbox) == [("invitation", "amelia@example.com")]
    plain = graph("PATCH", f"/me/events/{made['id']}", {"isOnlineMeeting": False}).json()
    assert plain["onlineMeeting"] == made["onlineMeeting"]
    assert sandbox.control("GET", "/microsoft/stats")["keys"] == {"a1": 1}


def test_a_repeated_create_makes_no_second_event(graph: GraphApi, sandbox: SandboxServer) -> None:
    first = graph.create(transactionId="t1", singleValueExtendedProperties=keyed("a1"))
    again = graph.create(transactionId="t1", singleValueExtendedProperties=keyed("a1"))
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = graph.create(transactionId="t1", subject="Another")
    assert code_of(other) == (409, "ErrorDuplicateTransactionId")
    assert sandbox.control("GET", "/microsoft/stats")["repeated"] == {}
    refused = graph("PATCH", f"/me/events/{first.json()['id']}", {"transactionId": "t2"})
    assert refused.status_code == 400


def test_a_transaction_is_forgotten_after_its_time(graph: GraphApi, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/microsoft", {"transaction_seconds": 600})
    graph.create(transactionId="t1", singleValueExtendedProperties=keyed("a1"))
    sandbox.control("POST", "/microsoft/clock", {"seconds": 601})
    graph.create(transactionId="t1", singleValueExtendedProperties=keyed("a1"))
    assert sandbox.control("GET", "/microsoft/stats")["repeated"] == {"a1": 2}


def test_an_event_is_found_by_its_extended_property(graph: GraphApi) -> None:
    made = graph.create(singleValueExtendedProperties=keyed("it's")).json()
    graph.create(singleValueExtendedProperties=keyed("other"))
    lower = KEY.lower().replace("string", "String").replace("name", "Name")
    asked = {
        "$filter": f"singleValueExtendedProperties/Any(ep: ep/id eq '{lower}' "
        "and ep/value eq 'it''s')",
        "$expand": f"singleValueExtendedProperties($filter=id eq '{KEY}')",
    }
    found = graph("GET", f"/me/calendars/{graph.calendar()}/events", params=asked).json()["value"]
    assert [event["id"] for event in found] == [made["id"]]
    assert found[0]["singleValueExtendedProperties"] == [{"id": KEY, "value": "it's"}]
    asked = {"$expand": asked["$expand"], "$select": "subject"}
    alone = graph("GET", f"/me/events/{made['id']}", params=asked).json()
    assert {"id", "subject", "singleValueExtendedProperties"} <= set(alone)
    assert "start" not in alone


@pytest.mark.parametrize(
    "text", ["subject", "subject eq 'x' or subject eq 'y'", "subject eq 'x' and", "a/any(x:x eq 1)"]
)
def test_a_filter_that_is_not_understood_is_refused(graph: GraphApi, text: str) -> None:
    assert graph("GET", "/me/events", params={"$filter": text}).status_code == 400


def test_lists_are_paged_filtered_and_sorted(graph: GraphApi) -> None:
    for number in range(12):
        graph.create(subject=f"Slot {number:02}", importance="high")
    url = graph.base + "/me/events"
    asked = {"$filter": "importance eq 'high'", "$orderby": "subject desc", "$count": "true"}
    titles: list[str] = []
    while url:
        page = graph("GET", url, params=asked).json()
        titles += [event["subject"] for event in page["value"]]
        url, asked = page.get("@odata.nextLink", ""), {}
    assert titles == [f"Slot {number:02}" for number in range(11, -1, -1)]
    assert graph("GET", "/me/events", params={"$top": "0"}).status_code == 400


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start": None}, "ErrorInvalidRequest"),
        ({"start": graph_time("2027-02-10T10:00:00", "Mars Standard Time")},
         "TimeZoneNotSupportedException"),
        ({"start": graph_time("2027-02-10T10:00:00", "America/Nuuk")},
         "TimeZoneNotSupportedException"),
        ({"start": graph_time("2027-02-10T10:00:00Z")}, "ErrorInvalidRequest"),
        ({"start": graph_time("tomorrow")}, "ErrorInvalidRequest"),
        ({"end": graph_time("2027-02-10T09:00:00")}, "ErrorPropertyValidationFailure"),
        ({"isAllDay": True}, "ErrorInvalidRequest"),
        ({"title": "x"}, "RequestBodyRead"),
        ({"subject": 1}, "BadRequest"),
        ({"showAs": "asleep"}, "RequestBodyRead"),
        ({"attendees": [guest("nobody")]}, "ErrorInvalidRecipients"),
        ({"attendees": [guest(f"a{n}@example.com") for n in range(501)]},
         "ErrorExceededMaxRecipientLimit"),
        ({"singleValueExtendedProperties": [{"id": "wedsync", "value": "x"}]},
         "ErrorInvalidProperty"),
        ({"recurrence": {"pattern": {"type": "hourly"}, "range": {}}}, "ErrorInvalidRequest"),
    ],
)  # fmt: skip
def test_events_that_are_refused(
    graph: GraphApi, sandbox: SandboxServer, fields: Json, code: str
) -> None:
    before = sandbox.control("GET", "/microsoft/stats")["events"]
    assert code_of(graph.create(**fields)) == (400, code)
    assert sandbox.control("GET", "/microsoft/stats")["events"] == before


@pytest.mark.parametrize("zone", ["GMT Standard Time", "Europe/London", "W. Europe Standard Time"])
def test_times_are_read_in_any_zone(graph: GraphApi, zone: str) -> None:
    made = graph.create(
        start=graph_time("2027-06-20T10:00:00", zone), end=graph_time("2027-06-20T11:00:00", zone)
    ).json()
    prefer = {"prefer": f'outlook.timezone="{zone}"'}
    answer = graph("GET", f"/me/events/{made['id']}", headers=prefer)
    assert answer.json()["start"] == graph_time("2027-06-20T10:00:00.0000000", zone)
    assert "outlook.timezone" in answer.headers["preference-applied"]
    assert made["start"]["timeZone"] == "UTC"
    refused = graph("GET", "/me/events", headers={"prefer": 'outlook.timezone="Mars"'})
    assert code_of(refused) == (400, "TimeZoneNotSupportedException")


def test_a_whole_day_stays_that_day(graph: GraphApi) -> None:
    zone = "Tokyo Standard Time"
    made = graph.create(
        isAllDay=True,
        start=graph_time("2027-06-20T00:00:00", zone),
        end=graph_time("2027-06-21T00:00:00", zone),
    ).json()
    assert made["start"]["dateTime"].startswith("2027-06-20T00:00")
    assert made["end"]["dateTime"].startswith("2027-06-21T00:00")


def test_a_body_can_be_read_as_text(graph: GraphApi) -> None:
    made = graph.create(body={"contentType": "html", "content": "<p>Bring &amp; wear boots</p>"})
    prefer = {"prefer": 'outlook.body-content-type="text"'}
    shown = graph("GET", f"/me/events/{made.json()['id']}", headers=prefer).json()
    assert shown["body"] == {"contentType": "text", "content": "Bring & wear boots"}
    assert shown["bodyPreview"] == "Bring & wear boots"


def test_a_change_needs_the_present_etag(graph: GraphApi) -> None:
    made = graph.create().json()
    path, old = f"/me/events/{made['id']}", made["@odata.etag"]
    changed = graph("PATCH", path, {"subject": "Later"}, headers={"if-match": old})
    assert (changed.status_code, changed.json()["subject"]) == (200, "Later")
    assert changed.json()["@odata.etag"] != old
    assert graph("PATCH", path, {"subject": "x"}, headers={"if-match": old}).status_code == 412
    assert graph("DELETE", path, headers={"if-match": old}).status_code == 412
    assert graph("DELETE", path, headers={"if-match": "*"}).status_code == 204
    assert code_of(graph("GET", path)) == (404, "ErrorItemNotFound")


def test_only_those_are_written_to_whom_a_change_concerns(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    made = graph.create(attendees=[guest("a@example.com"), guest("b@example.com")]).json()
    path = f"/me/events/{made['id']}"
    graph("PATCH", path, {"attendees": [guest("b@example.com"), guest("c@example.com")]})
    graph("PATCH", path, {"singleValueExtendedProperties": keyed("a1"), "categories": ["x"]})
    graph("PATCH", path, {"subject": "Later"})
    assert mails(sandbox)[2:] == [
        ("invitation", "c@example.com"),
        (CANCELLED, "a@example.com"),
        ("update", "b@example.com"),
        ("update", "c@example.com"),
    ]


@pytest.mark.parametrize(("method", "rest"), [("POST", "/cancel"), ("DELETE", "")])
def test_cancelling_tells_the_guests(
    graph: GraphApi, sandbox: SandboxServer, method: str, rest: str
) -> None:
    made = graph.create(attendees=[guest("a@example.com")]).json()
    answer = graph(method, f"/me/events/{made['id']}{rest}", {"comment": "Sorry"})
    assert answer.status_code in {202, 204}
    assert graph("GET", f"/me/events/{made['id']}").status_code == 404
    assert mails(sandbox)[-1] == (CANCELLED, "a@example.com")


def invitation(graph: GraphApi) -> str:
    found = graph("GET", "/me/events", params={"$filter": "isOrganizer eq false"}).json()["value"]
    return str(found[0]["id"])


@pytest.mark.parametrize(
    ("verb", "response"), [("accept", "accepted"), ("tentativelyAccept", "tentativelyAccepted")]
)
def test_an_invitation_is_answered(
    graph: GraphApi, sandbox: SandboxServer, verb: str, response: str
) -> None:
    id_ = invitation(graph)
    assert graph("POST", f"/me/events/{id_}/{verb}", {"comment": "Yes"}).status_code == 202
    assert graph("GET", f"/me/events/{id_}").json()["responseStatus"]["response"] == response
    assert mails(sandbox) == [("answer", "kitchen@harbour.example")]
    assert graph("POST", f"/me/events/{id_}/cancel").status_code == 400


def test_a_declined_invitation_leaves_the_calendar(graph: GraphApi, sandbox: SandboxServer) -> None:
    id_ = invitation(graph)
    quietly = graph("POST", f"/me/events/{id_}/decline", {"sendResponse": False})
    assert quietly.status_code == 202
    assert graph("GET", f"/me/events/{id_}").status_code == 404
    assert mails(sandbox) == []


def test_the_organizer_answers_nothing(graph: GraphApi) -> None:
    made = graph.create().json()
    assert graph("POST", f"/me/events/{made['id']}/accept").status_code == 400


def weekly(**limits: Any) -> Json:
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["wednesday"]},
        "range": {"type": "numbered", "startDate": "2027-03-17", "numberOfOccurrences": 4} | limits,
    }


def series(graph: GraphApi) -> Json:
    made: Json = graph.create(
        recurrence=weekly(),
        start=graph_time("2027-03-17T10:00:00"),
        end=graph_time("2027-03-17T11:00:00"),
    ).json()
    return made


def test_a_series_keeps_its_wall_time_over_the_change_to_summer_time(graph: GraphApi) -> None:
    master = series(graph)
    answer = graph("GET", "/me/calendarView", params=WINDOW | {"$filter": "subject eq 'Viewing'"})
    shown = answer.json()["value"]
    assert [event["start"]["dateTime"][:16] for event in shown] == [
        "2027-03-17T10:00", "2027-03-24T10:00", "2027-03-31T09:00", "2027-04-07T09:00",
    ]  # fmt: skip
    assert {event["seriesMasterId"] for event in shown} == {master["id"]}
    assert len({event["iCalUId"] for event in shown}) == 4
    instances = graph("GET", f"/me/events/{master['id']}/instances", params=WINDOW).json()["value"]
    assert [instance["id"] for instance in instances] == [event["id"] for event in shown]


def test_an_occurrence_can_be_moved_and_deleted_alone(graph: GraphApi) -> None:
    master = series(graph)
    path = f"/me/events/{master['id']}/instances"
    first, second, third, _ = graph("GET", path, params=WINDOW).json()["value"]
    moved = {"start": graph_time("2027-03-18T15:00:00"), "end": graph_time("2027-03-18T16:00:00")}
    changed = graph("PATCH", f"/me/events/{first['id']}", moved).json()
    assert (changed["type"], changed["originalStart"]) == ("exception", "2027-03-17T10:00:00Z")
    beyond = {"start": graph_time("2027-04-01T15:00:00"), "end": graph_time("2027-04-01T16:00:00")}
    refused = graph("PATCH", f"/me/events/{second['id']}", beyond)
    assert code_of(refused) == (400, "ErrorOccurrenceCrossingBoundary")
    assert graph("DELETE", f"/me/events/{third['id']}").status_code == 204
    left = graph("GET", path, params=WINDOW).json()["value"]
    assert [event["type"] for event in left] == ["exception", "occurrence", "occurrence"]
    assert graph("GET", f"/me/events/{master['id']}").json()["type"] == "seriesMaster"


def test_ids_change_with_a_move_unless_immutable_ones_are_preferred(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    prefer = {"prefer": 'IdType="ImmutableId"'}
    made = graph.create().json()
    kept = graph("GET", f"/me/events/{made['id']}", headers=prefer).json()["id"]
    assert kept != made["id"]
    other = graph.calendar("Viewings")
    sandbox.control("PATCH", f"/microsoft/events/{kept}", {"calendar": other})
    assert graph("GET", f"/me/events/{made['id']}").status_code == 404
    assert graph("GET", f"/me/events/{kept}").json()["id"] not in {made["id"], kept}
    assert graph("GET", f"/me/events/{kept}", headers=prefer).json()["id"] == kept
    wrong = {"prefer": 'IdType="immutableid"'}
    assert graph("GET", f"/me/events/{kept}", headers=wrong).json()["id"] != kept


def test_each_person_has_a_mailbox_of_their_own(graph: GraphApi, sandbox: SandboxServer) -> None:
    made = graph.create(isOnlineMeeting=True).json()
    with requests.Session() as session:
        home = GraphApi(sandbox, session, HOME)
        assert home("GET", f"/me/events/{made['id']}").status_code == 404
        assert home.create(isOnlineMeeting=True).json()["onlineMeeting"] is None
        asked = schedule("x@example.com")
        assert home("POST", "/me/calendar/getSchedule", asked).status_code == 403


def schedule(*addresses: str, **fields: Any) -> Json:
    return {
        "schedules": list(addresses),
        "startTime": graph_time("2027-02-10T09:00:00"),
        "endTime": graph_time("2027-02-10T12:00:00"),
        **fields,
    }


def test_free_and_busy_are_told_per_schedule(graph: GraphApi, sandbox: SandboxServer) -> None:
    graph.create()
    mine = graph("GET", "/me").json()["mail"]
    asked = schedule(mine, "unknown@example.com")
    prefer = {"prefer": 'outlook.timezone="W. Europe Standard Time"'}
    answer = graph("POST", "/me/calendar/getSchedule", asked, headers=prefer)
    known, unknown = answer.json()["value"]
    assert known["availabilityView"] == "002200"
    assert known["scheduleItems"][0]["start"]["dateTime"].startswith("2027-02-10T11:00")
    assert unknown["error"]["responseCode"] == "ErrorMailRecipientNotFound"
    assert "availabilityView" not in unknown
    sandbox.control("PUT", "/microsoft/faults", {"free_busy_error": {"count": 1}})
    failed = graph("POST", "/me/calendar/getSchedule", schedule(mine)).json()["value"][0]
    assert failed["error"]["responseCode"] == "ErrorFreeBusyGenerationFailed"


@pytest.mark.parametrize(
    "fields",
    [
        {"schedules": []},
        {"availabilityViewInterval": 4},
        {"endTime": graph_time("2027-02-10T09:00:00")},
    ],
)
def test_a_schedule_that_cannot_be_told_is_refused(graph: GraphApi, fields: Json) -> None:
    answer = graph("POST", "/me/calendar/getSchedule", schedule("x@example.com", **fields))
    assert answer.status_code == 400


def test_what_is_not_there_is_not_found(graph: GraphApi) -> None:
    assert graph("GET", "/me/calendars/unheard-of/events").status_code == 404
    assert graph("GET", "/me/events/unheard-of").status_code == 404
    assert graph("GET", "/me/drive").status_code == 404
    assert graph("GET", "/me/calendarView").status_code == 400
    assert graph("POST", "/me/events", headers={"content-type": "text/plain"}).status_code == 400
