"""Subscriptions of Graph: the question in advance, notifications, and what their life brings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.sandbox.graph import HOME, WORK, GraphApi, code_of
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
SECRET = "s" * 40


def in_future(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


def asked(receiver: Receiver, **fields: Any) -> Json:
    usual = {
        "changeType": "created,updated,deleted",
        "notificationUrl": f"{receiver.url}graph?a=1",
        "lifecycleNotificationUrl": f"{receiver.url}life",
        "resource": "/me/events",
        "expirationDateTime": in_future(days=6),
        "clientState": SECRET,
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def subscribe(graph: GraphApi, receiver: Receiver, **fields: Any) -> Json:
    answer = graph("POST", "/subscriptions", asked(receiver, **fields))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def notices(receiver: Receiver, count: int = 1) -> list[Json]:
    """At least that many, in the order they came."""

    def all_of(hooks: list[Hook]) -> list[Json]:
        return [notification for hook in hooks for notification in hook.event["value"]]

    receiver.wait_for(lambda hooks: len(all_of(hooks)) >= count)
    return all_of(receiver.hooks)


def test_the_endpoint_is_asked_before_there_is_a_subscription(
    graph: GraphApi, receiver: Receiver
) -> None:
    tokens: list[str] = []

    def validation(token: str) -> tuple[str, str]:
        tokens.append(token)
        return "text/plain; charset=utf-8", token

    receiver.validation = validation
    made = subscribe(graph, receiver)
    assert len(set(tokens)) == 2
    assert all(" " in token and ":" in token for token in tokens)
    assert made["clientState"] == SECRET
    listed = graph("GET", "/subscriptions").json()["value"]
    assert [(subscription["id"], subscription["clientState"]) for subscription in listed] == [
        (made["id"], None)
    ]


@pytest.mark.parametrize(
    "answer",
    [lambda token: ("text/html", token), lambda _: ("text/plain", "ok"),
     lambda token: ("text/plain", f'"{token}"')],
)  # fmt: skip
def test_without_the_right_answer_there_is_none(
    graph: GraphApi, receiver: Receiver, answer: Any
) -> None:
    receiver.validation = answer
    refused = graph("POST", "/subscriptions", asked(receiver))
    assert code_of(refused) == (400, "ValidationError")
    assert graph("GET", "/subscriptions").json()["value"] == []


def test_nobody_there_to_answer(graph: GraphApi, receiver: Receiver) -> None:
    refused = graph(
        "POST", "/subscriptions", asked(receiver, notificationUrl="http://127.0.0.1:9/")
    )
    assert code_of(refused) == (400, "ValidationError")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"changeType": "moved"}, 400),
        ({"resource": "/me/drive"}, 400),
        ({"resource": "/me/calendars/unheard-of/events"}, 404),
        ({"notificationUrl": "http://example.com/hook"}, 400),
        ({"notificationUrl": None}, 400),
        ({"clientState": "x" * 129}, 400),
        ({"expirationDateTime": "soon"}, 400),
        ({"expirationDateTime": in_future(days=-1)}, 400),
        ({"expirationDateTime": in_future(days=8)}, 400),
    ],
)
def test_subscriptions_that_are_refused(
    graph: GraphApi, receiver: Receiver, fields: Json, status: int
) -> None:
    assert graph("POST", "/subscriptions", asked(receiver, **fields)).status_code == status


def test_who_may_not_read_it_may_not_watch_it(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    given = {"scopes": ["openid", "Contacts.Read"]}
    graph.tokens = sandbox.control("POST", f"/microsoft/accounts/{WORK}/tokens", given)
    assert graph("POST", "/subscriptions", asked(receiver)).status_code == 403
    subscribe(graph, receiver, resource="/me/contacts")


def test_some_may_live_a_shorter_time_and_none_less_than_45_minutes(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    sandbox.control("PATCH", "/microsoft", {"subscription_minutes": 4230})
    refused = graph("POST", "/subscriptions", asked(receiver))
    assert "can only be 4230 minutes" in refused.json()["error"]["message"]
    made = subscribe(graph, receiver, expirationDateTime=in_future(minutes=5))
    left = datetime.fromisoformat(made["expirationDateTime"]) - datetime.now(UTC)
    assert timedelta(minutes=44) < left <= timedelta(minutes=45)


def test_a_second_one_for_the_same_is_refused_and_names_the_first(
    graph: GraphApi, receiver: Receiver
) -> None:
    first = subscribe(graph, receiver)
    refused = graph("POST", "/subscriptions", asked(receiver, clientState="other"))
    message = f"Subscription Id <{first['id']}> already exists for the requested combination"
    assert (refused.status_code, refused.json()["error"]["message"]) == (409, message)
    subscribe(graph, receiver, resource="/me/contacts")
    subscribe(graph, receiver, resource=f"/me/calendars/{graph.calendar()}/events")


def test_changes_are_announced_together(graph: GraphApi, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    event = graph.create().json()
    graph("PATCH", f"/me/events/{event['id']}", {"subject": "Later"})
    graph("DELETE", f"/me/events/{event['id']}")
    graph("POST", "/me/contacts", {"givenName": "Nobody subscribed to contacts"})

    told = notices(receiver, 3)
    assert [notification["changeType"] for notification in told] == [
        "created",
        "updated",
        "deleted",
    ]
    assert receiver.hooks[0].path == "/graph?a=1"
    first = told[0]
    me = graph("GET", "/me").json()["id"]
    assert (first["clientState"], first["subscriptionId"]) == (SECRET, made["id"])
    assert first["resource"] == f"Users/{me}/Events/{event['id']}"
    assert first["resourceData"] == {
        "@odata.type": "#Microsoft.Graph.Event",
        "@odata.id": first["resource"],
        "@odata.etag": event["@odata.etag"],
        "id": event["id"],
    }
    assert first["subscriptionExpirationDateTime"] == made["expirationDateTime"]


def test_one_calendar_or_contacts_can_be_watched_alone(graph: GraphApi, receiver: Receiver) -> None:
    viewings = graph.calendar("Viewings")
    subscribe(graph, receiver, resource=f"me/calendars/{viewings}/events", changeType="created")
    subscribe(graph, receiver, resource="me/contacts", changeType="created")
    graph.create()
    there = graph.create(viewings).json()
    person = graph("POST", "/me/contacts", {"givenName": "Zoë"}).json()
    graph("PATCH", f"/me/events/{there['id']}", {"subject": "An update"})
    told = notices(receiver, 2)
    assert [notification["resourceData"]["id"] for notification in told] == [
        there["id"],
        person["id"],
    ]
    assert len({notification["subscriptionId"] for notification in told}) == 2


def test_immutable_ids_are_told_if_they_were_preferred(graph: GraphApi, receiver: Receiver) -> None:
    prefer = {"prefer": 'IdType="ImmutableId"'}
    assert graph("POST", "/subscriptions", asked(receiver), headers=prefer).status_code == 201
    event = graph.create().json()
    same = graph("GET", f"/me/events/{event['id']}", headers=prefer).json()
    assert notices(receiver)[0]["resourceData"]["id"] == same["id"] != event["id"]


def test_one_change_can_be_told_several_times(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    sandbox.control("PATCH", "/microsoft", {"extra_updates": 2})
    subscribe(graph, receiver)
    graph.create()
    assert [notice["changeType"] for notice in notices(receiver, 3)] == [
        "created",
        "updated",
        "updated",
    ]


def test_a_notification_is_tried_again(graph: GraphApi, receiver: Receiver) -> None:
    subscribe(graph, receiver)
    receiver.answers = [500, 302]
    graph.create()
    receiver.wait_for(lambda hooks: len(hooks) == 3)
    assert len({hook.body for hook in receiver.hooks}) == 1


def test_it_is_renewed_and_ends(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    made = subscribe(graph, receiver, expirationDateTime=in_future(hours=2))
    path = f"/subscriptions/{made['id']}"
    renewed = graph("PATCH", path, {"expirationDateTime": in_future(days=6)}).json()
    assert renewed["expirationDateTime"] > made["expirationDateTime"]
    assert graph("PATCH", path, {"lifecycleNotificationUrl": receiver.url}).status_code == 400
    assert graph("PATCH", path, {"notificationUrl": receiver.url + "new"}).status_code == 200
    sandbox.control("POST", "/microsoft/clock", {"seconds": 6 * 86_400})
    graph.tokens = graph.refresh().json()
    assert code_of(graph("PATCH", path, {})) == (404, "ResourceNotFound")
    assert sandbox.control("GET", "/microsoft/pushes")["pushes"] == []


def test_it_is_deleted_by_its_owner_only(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    path = f"/subscriptions/{subscribe(graph, receiver)['id']}"
    with requests.Session() as session:
        assert GraphApi(sandbox, session, HOME)("DELETE", path).status_code == 404
    assert [graph("DELETE", path).status_code for _ in range(2)] == [204, 404]
    graph.create()
    with pytest.raises(AssertionError):
        receiver.wait_for(bool, seconds=0.4)


def life(hooks: list[Hook]) -> list[str]:
    return [
        notification["lifecycleEvent"]
        for hook in hooks
        for notification in hook.event["value"]
        if "lifecycleEvent" in notification
    ]


@pytest.mark.parametrize("renews", [True, False])
def test_what_was_held_back_comes_once_it_is_authorized_again(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer, *, renews: bool
) -> None:
    made = subscribe(graph, receiver)
    sandbox.control("POST", "/microsoft/clock", {"seconds": 50 * 60})
    receiver.wait_for(lambda hooks: life(hooks) == ["reauthorizationRequired"])
    assert receiver.hooks[0].path == "/life"
    assert receiver.hooks[0].event["value"][0]["clientState"] == SECRET

    sandbox.control("POST", "/microsoft/clock", {"seconds": 20 * 60})
    graph.tokens = graph.refresh().json()
    event = graph.create().json()
    assert sandbox.control("GET", "/microsoft/pushes")["pushes"][0]["held"] == 1
    if renews:
        graph("PATCH", f"/subscriptions/{made['id']}", {"expirationDateTime": in_future(days=5)})
    else:
        answer = graph("POST", f"/subscriptions/{made['id']}/reauthorize")
        assert answer.status_code == 204
    assert notices(receiver, 2)[1]["resourceData"]["id"] == event["id"]


def test_what_was_held_too_long_is_lost(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    made = subscribe(graph, receiver)
    sandbox.control("POST", "/microsoft/clock", {"seconds": 2 * 3600})
    graph.tokens = graph.refresh().json()
    graph.create()
    sandbox.control("POST", "/microsoft/clock", {"seconds": 4 * 3600 + 1})
    graph.tokens = graph.refresh().json()
    graph("POST", f"/subscriptions/{made['id']}/reauthorize")
    graph.create(subject="Only this one")
    told = [notice for notice in notices(receiver, 2) if "changeType" in notice]
    assert len(told) == 1


def test_it_goes_with_the_consent(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer
) -> None:
    subscribe(graph, receiver)
    sandbox.control("POST", f"/microsoft/accounts/{WORK}/revoke")
    receiver.wait_for(lambda hooks: life(hooks) == ["subscriptionRemoved"])
    assert sandbox.control("GET", "/microsoft/pushes")["pushes"] == []
    assert graph("GET", "/me").status_code == 401


@pytest.mark.parametrize("event", ["missed", "subscriptionRemoved", "reauthorizationRequired"])
def test_its_life_can_be_played(
    graph: GraphApi, receiver: Receiver, sandbox: SandboxServer, event: str
) -> None:
    made = subscribe(graph, receiver)
    sandbox.control("POST", f"/microsoft/pushes/{made['id']}/lifecycle", {"event": event})
    receiver.wait_for(lambda hooks: life(hooks) == [event])
    left = len(graph("GET", "/subscriptions").json()["value"])
    assert left == (0 if event == "subscriptionRemoved" else 1)
