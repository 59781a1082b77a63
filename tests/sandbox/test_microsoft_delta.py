"""Change tracking of Graph: rounds, links, windows, and every way they can end."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.graph import WINDOW, GraphApi, code_of, graph_time, keyed
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
VIEW = "/me/calendarView/delta"
IMMUTABLE = {"prefer": 'IdType="ImmutableId"'}


def first_round(graph: GraphApi, path: str = VIEW, **options: Any) -> tuple[list[Json], str]:
    return graph.round(path, params=WINDOW, **options)


def removed(items: list[Json]) -> list[str]:
    return [item["id"] for item in items if item.get("@removed") == {"reason": "deleted"}]


def test_a_round_has_pages_and_the_next_one_only_what_changed(graph: GraphApi) -> None:
    made = [graph.create(subject=f"Slot {number}").json() for number in range(5)]
    prefer = {"prefer": "odata.maxpagesize=2"}
    pages = list(graph.pages(f"/me/calendars/{graph.calendar()}/calendarView/delta",
                             headers=prefer, params=WINDOW))  # fmt: skip
    assert {len(page["value"]) for page in pages[:-1]} == {2}
    assert all("@odata.deltaLink" not in page for page in pages[:-1])
    shown = [event["id"] for page in pages for event in page["value"]]
    assert [event["id"] for event in made] == [
        id_ for id_ in shown if id_ in {m["id"] for m in made}
    ]
    link = pages[-1]["@odata.deltaLink"]

    graph("PATCH", f"/me/events/{made[3]['id']}", {"subject": "Changed"})
    graph("DELETE", f"/me/events/{made[0]['id']}")

    changed, following = graph.round(link)
    assert [event.get("subject") for event in changed] == ["Changed", None]
    assert removed(changed) == [made[0]["id"]]
    assert graph.round(following)[0] == []
    assert [event["id"] for event in graph.round(link)[0]] == [event["id"] for event in changed]


def test_what_changes_during_a_round_comes_again(graph: GraphApi) -> None:
    made = [graph.create(subject=f"Slot {number}").json() for number in range(4)]
    first = graph("GET", VIEW, params=WINDOW, headers={"prefer": "odata.maxpagesize=1"}).json()
    graph("PATCH", f"/me/events/{made[3]['id']}", {"subject": "Meanwhile"})
    graph("DELETE", f"/me/events/{made[2]['id']}")
    rest, link = graph.round(first["@odata.nextLink"])
    assert [event["id"] for event in rest if event.get("subject") == "Meanwhile"] == [made[3]["id"]]
    assert made[2]["id"] not in [event["id"] for event in rest]
    again = graph.round(link)[0]
    assert {event["id"] for event in again} == {made[3]["id"], made[2]["id"]}


def test_the_window_stays_and_what_leaves_it_is_removed(graph: GraphApi) -> None:
    inside, outside = (
        graph.create().json(),
        graph.create(
            start=graph_time("2028-02-10T10:00:00"), end=graph_time("2028-02-10T11:00:00")
        ).json(),
    )
    events, link = first_round(graph)
    assert outside["id"] not in [event["id"] for event in events]
    later = {"start": graph_time("2028-02-11T10:00:00"), "end": graph_time("2028-02-11T11:00:00")}
    graph("PATCH", f"/me/events/{inside['id']}", later)
    graph("PATCH", f"/me/events/{outside['id']}", {"subject": "Not seen before either"})
    assert set(removed(graph.round(link)[0])) == {inside["id"], outside["id"]}


def test_an_event_that_moves_to_another_calendar_leaves_its_own(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    made = graph("POST", "/me/events", moved_later(), headers=IMMUTABLE).json()
    other = graph.calendar("Viewings")
    link = first_round(graph, headers=IMMUTABLE)[1]
    there = first_round(graph, f"/me/calendars/{other}/calendarView/delta", headers=IMMUTABLE)[1]
    sandbox.control("PATCH", f"/microsoft/events/{made['id']}", {"calendar": other})
    assert removed(graph.round(link, headers=IMMUTABLE)[0]) == [made["id"]]
    assert [event["id"] for event in graph.round(there, headers=IMMUTABLE)[0]] == [made["id"]]


def moved_later() -> Json:
    return {"subject": "x", "start": graph_time("2027-02-10T10:00:00"),
            "end": graph_time("2027-02-10T11:00:00")}  # fmt: skip


def test_occurrences_say_little_of_themselves(graph: GraphApi) -> None:
    pattern = {"type": "daily", "interval": 2}
    limits = {"type": "endDate", "startDate": "2027-02-10", "endDate": "2027-02-16"}
    master = graph.create(recurrence={"pattern": pattern, "range": limits}).json()
    events, link = first_round(graph)
    mine = [event for event in events if master["id"] in {event["id"], event.get("seriesMasterId")}]
    assert [event["type"] for event in mine] == ["seriesMaster", *["occurrence"] * 4]
    few = {"@odata.type", "id", "type", "seriesMasterId", "start", "end"}
    assert all(set(event) == few for event in mine[1:])

    second, third = mine[2]["id"], mine[3]["id"]
    graph("PATCH", f"/me/events/{second}", {"subject": "Only this one"})
    graph("DELETE", f"/me/events/{third}")
    changed, link = graph.round(link)
    assert [(event["id"], event.get("subject")) for event in changed] == [
        (second, "Only this one"), (third, None),
    ]  # fmt: skip

    shorter = limits | {"endDate": "2027-02-11"}
    graph("PATCH", f"/me/events/{master['id']}",
          {"recurrence": {"pattern": pattern, "range": shorter}})  # fmt: skip
    assert mine[4]["id"] in removed(graph.round(link)[0])


def test_an_occurrence_can_leave_the_window_while_its_series_changes(graph: GraphApi) -> None:
    pattern = {"type": "absoluteYearly", "interval": 1, "month": 12, "dayOfMonth": 30}
    limits = {"type": "numbered", "startDate": "2027-12-30", "numberOfOccurrences": 1}
    master = graph.create(
        recurrence={"pattern": pattern, "range": limits},
        start=graph_time("2027-12-30T10:00:00"),
        end=graph_time("2027-12-30T11:00:00"),
    ).json()
    path = f"/me/events/{master['id']}"
    only = graph("GET", path + "/instances", params=WINDOW).json()["value"][0]
    link = first_round(graph)[1]
    later = {"start": graph_time("2028-01-03T10:00:00"), "end": graph_time("2028-01-03T11:00:00")}
    graph("PATCH", f"/me/events/{only['id']}", later)
    graph("PATCH", path, {"subject": "Changed as well"})
    assert only["id"] in removed(graph.round(link)[0])


@pytest.mark.parametrize("told", [True, False])
def test_a_series_takes_its_occurrences_with_it(
    graph: GraphApi, sandbox: SandboxServer, *, told: bool
) -> None:
    pattern = {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}
    limits = {"type": "noEnd", "startDate": "2027-01-31"}
    master = graph.create(recurrence={"pattern": pattern, "range": limits}).json()
    path = f"/me/events/{master['id']}"
    days = graph("GET", path + "/instances?$top=99", params=WINDOW).json()["value"]
    assert [day["start"]["dateTime"][5:10] for day in days][:3] == ["01-31", "02-28", "03-31"]
    link = first_round(graph)[1]
    sandbox.control("PATCH", "/microsoft", {"tells_of_occurrences": told})
    graph("DELETE", f"/me/events/{days[0]['id']}")
    graph("DELETE", path)
    expected = {master["id"], *(day["id"] for day in days if told)}
    assert set(removed(graph.round(link)[0])) == expected


@pytest.mark.parametrize("option", ["$select", "$expand", "$filter", "$orderby", "$search"])
def test_options_of_lists_are_refused(graph: GraphApi, option: str) -> None:
    assert graph("GET", VIEW, params=WINDOW | {option: "subject"}).status_code == 400


def test_a_window_is_demanded(graph: GraphApi) -> None:
    assert code_of(graph("GET", VIEW)) == (400, "ErrorInvalidParameter")


@pytest.mark.parametrize(
    ("code", "status"),
    [("syncStateNotFound", 410), ("syncStateInvalid", 400), ("resyncRequired", 410)],
)
def test_a_link_can_expire_in_several_ways(
    graph: GraphApi, sandbox: SandboxServer, code: str, status: int
) -> None:
    link = first_round(graph)[1]
    sandbox.control("PUT", "/microsoft/faults", {"cursor_expired": {"code": code, "count": 1}})
    refused = graph("GET", link)
    assert code_of(refused) == (status, code)
    if status == 410:
        assert graph("GET", refused.headers["location"]).json()["value"] != []
    assert graph("GET", link).status_code == 200


def test_a_link_grows_old(graph: GraphApi, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/microsoft", {"delta_seconds": 600})
    link = first_round(graph)[1]
    sandbox.control("POST", "/microsoft/clock", {"seconds": 601})
    assert code_of(graph("GET", link)) == (410, "syncStateNotFound")


def test_every_link_can_be_made_to_expire(graph: GraphApi, sandbox: SandboxServer) -> None:
    link = first_round(graph)[1]
    sandbox.control("POST", "/microsoft/cursors/expire")
    assert code_of(graph("GET", link)) == (410, "syncStateNotFound")


def test_a_link_belongs_to_what_it_was_made_for(graph: GraphApi) -> None:
    token = first_round(graph)[1].partition("?")[2]
    assert code_of(graph("GET", f"/me/contacts/delta?{token}")) == (400, "syncStateInvalid")
    assert code_of(graph("GET", f"{VIEW}?$deltatoken=unheard-of")) == (410, "syncStateNotFound")


def test_a_list_can_be_emptied_without_a_word(graph: GraphApi, sandbox: SandboxServer) -> None:
    graph.create()
    sandbox.control("PUT", "/microsoft/faults", {"cut_list": {}})
    assert first_round(graph)[0] == []
    sandbox.control("PUT", "/microsoft/faults", {"cut_list": {"items": 1, "count": 1}})
    assert len(graph("GET", "/me/events").json()["value"]) == 1
    assert first_round(graph)[0] != []


@given(steps=st.lists(st.tuples(st.sampled_from("cpdm"), st.integers(0, 7)), max_size=25))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whoever_follows_the_links_ends_up_with_what_is_there(
    graph: GraphApi, sandbox: SandboxServer, steps: list[tuple[str, int]]
) -> None:
    """However it was changed in between, and wherever the rounds were taken."""
    known: dict[str, str] = {}
    items, link = first_round(graph, headers=IMMUTABLE)
    for number, (step, which) in enumerate(steps):
        apply(known, items)
        act(graph, step, which, number)
        items = []
        if which % 2:
            items, link = graph.round(link, headers=IMMUTABLE)
    apply(known, [*items, *graph.round(link, headers=IMMUTABLE)[0]])
    there = graph("GET", "/me/calendarView", params=WINDOW | {"$top": "999"}, headers=IMMUTABLE)
    assert known == {event["id"]: event["subject"] for event in there.json()["value"]}
    sandbox.control("POST", "/reset")


def apply(known: dict[str, str], items: list[Json]) -> None:
    titles: dict[str, str] = {item["id"]: item["subject"] for item in items if "subject" in item}
    for item in items:
        if "@removed" in item:
            known.pop(item["id"], None)
        elif item["type"] != "seriesMaster":
            known[item["id"]] = item.get("subject") or titles.get(item["seriesMasterId"], "")


def act(graph: GraphApi, step: str, which: int, number: int) -> None:
    mine = graph("GET", "/me/events", params={"$filter": "showAs eq 'tentative'", "$top": "999"})
    events = mine.json()["value"]
    if step == "c" or not events:
        graph.create(subject=f"Slot {number}", showAs="tentative",
                     singleValueExtendedProperties=keyed(str(number)))  # fmt: skip
        return
    path = f"/me/events/{events[which % len(events)]['id']}"
    if step == "p":
        graph("PATCH", path, {"subject": f"Changed {number}"})
    elif step == "d":
        graph("DELETE", path)
    else:
        year = 2027 + which % 2
        graph("PATCH", path, {"start": graph_time(f"{year}-03-01T10:00:00"),
                              "end": graph_time(f"{year}-03-01T11:00:00")})  # fmt: skip
