"""What can be made to go wrong at Microsoft's, does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from tests.sandbox.graph import GraphApi, code_of, keyed
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_microsoft_subscriptions import SECRET, notices, subscribe
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]


def switch_on(sandbox: SandboxServer, **faults: Any) -> None:
    sandbox.control("PUT", "/microsoft/faults", faults)


def created(sandbox: SandboxServer) -> int:
    return len(sandbox.control("GET", "/microsoft/stats")["keys"])


@pytest.mark.parametrize(("mode", "count"), [("before", 0), ("after", 1)])
def test_an_error_comes_before_or_after_the_event_is_there(
    graph: GraphApi, sandbox: SandboxServer, mode: str, count: int
) -> None:
    switch_on(sandbox, status={"mode": mode, "count": 1, "only": ["POST /v1.0/me"]})
    fields: Json = {"transactionId": "t1", "singleValueExtendedProperties": keyed("a1")}
    assert code_of(graph.create(**fields)) == (503, "ServiceUnavailable")
    assert created(sandbox) == count
    assert graph.create(**fields).status_code == 201
    assert sandbox.control("GET", "/microsoft/stats")["keys"] == {"a1": 1}


@pytest.mark.parametrize(("mode", "count"), [("before", 0), ("after", 1)])
def test_the_connection_is_cut(
    graph: GraphApi, sandbox: SandboxServer, mode: str, count: int
) -> None:
    switch_on(sandbox, drop_connection={"mode": mode, "count": 1})
    with pytest.raises(requests.ConnectionError):
        graph.create(singleValueExtendedProperties=keyed("a1"))
    assert created(sandbox) == count


def test_the_answer_is_kept_back_or_unreadable(graph: GraphApi, sandbox: SandboxServer) -> None:
    switch_on(sandbox, hang={"seconds": 3, "count": 1})
    with pytest.raises(requests.ReadTimeout):
        graph("GET", "/me", timeout=0.3)
    switch_on(sandbox, bad_body={"count": 1})
    with pytest.raises(requests.JSONDecodeError):
        graph("GET", "/me").json()


@pytest.mark.parametrize("how", ["seconds", "date", "missing"])
def test_a_throttle_says_when_to_come_back_or_not(
    graph: GraphApi, sandbox: SandboxServer, how: str
) -> None:
    sandbox.control("PATCH", "/microsoft", {"retry_after": how})
    switch_on(sandbox, rate_limit={"retry_after": 20, "count": 1})
    answer = graph("GET", "/me/calendars")
    assert code_of(answer) == (429, "ApplicationThrottled")
    said = answer.headers.get("retry-after", "")
    if how == "date":
        assert 15 < (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds() <= 20
    else:
        assert said == ("20" if how == "seconds" else "")
    assert graph("GET", "/me/calendars").status_code == 200


def test_an_etag_is_refused_although_it_is_the_present_one(
    graph: GraphApi, sandbox: SandboxServer
) -> None:
    made = graph.create().json()
    switch_on(sandbox, etag_conflict={"count": 1})
    path, match = f"/me/events/{made['id']}", {"if-match": made["@odata.etag"]}
    assert graph("PATCH", path, {"subject": "x"}, headers=match).status_code == 412
    assert graph("PATCH", path, {"subject": "x"}, headers=match).status_code == 200


def test_a_mailbox_answers_four_at_a_time(graph: GraphApi, sandbox: SandboxServer) -> None:
    switch_on(sandbox, latency={"seconds": 2.0})

    def ask(_: int) -> int:
        with requests.Session() as session:
            token = {"authorization": f"Bearer {graph.tokens['access_token']}"}
            return session.get(f"{graph.base}/me/calendars", headers=token, timeout=10).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(ask, range(6))) == [200, 200, 200, 200, 429, 429]
    sandbox.control("PATCH", "/microsoft", {"concurrent_requests": None})
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(6))) == {200}


def test_notifications_are_lost_or_come_twice(
    graph: GraphApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    subscribe(graph, receiver)
    switch_on(sandbox, webhook_drop={"count": 1})
    graph.create()
    dropped = wait_for_webhook(sandbox, "dropped")
    assert receiver.hooks == []
    switch_on(sandbox, webhook_duplicate={"copies": 3, "count": 1})
    graph.create()
    receiver.wait_for(lambda hooks: len(hooks) == 3)
    sandbox.control("POST", f"/microsoft/webhooks/{dropped}/replay")
    receiver.wait_for(lambda hooks: len(hooks) == 4)


def wait_for_webhook(sandbox: SandboxServer, state: str) -> str:
    for _ in range(200):
        for webhook in sandbox.control("GET", "/microsoft/webhooks")["webhooks"]:
            if webhook["state"] == state:
                return str(webhook["id"])
    raise AssertionError(state)


def test_notifications_come_late_and_the_last_first(
    graph: GraphApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    subscribe(graph, receiver)
    sandbox.control("PATCH", "/microsoft", {"notification_delay": 0})
    switch_on(sandbox, webhook_hold={})
    made = [graph.create(subject=f"Slot {n}").json()["id"] for n in range(2)]
    switch_on(sandbox, webhook_delay={"seconds": 0.3})
    receiver.wait_for(lambda hooks: len(hooks) == 2)
    assert {notice["resourceData"]["id"] for notice in notices(receiver, 2)} == set(made)


def test_a_forgery_does_not_know_the_secret(
    graph: GraphApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    subscribe(graph, receiver)
    switch_on(sandbox, webhook_forge={"count": 1})
    graph.create()
    forged, real = notices(receiver, 2)
    assert forged["clientState"] != SECRET
    assert forged == real | {"clientState": forged["clientState"]}


def test_a_slow_endpoint_is_asked_again(
    graph: GraphApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    """Three seconds are all it has."""
    subscribe(graph, receiver)
    receiver.pauses = [3.3]
    graph.create()
    receiver.wait_for(lambda hooks: len(hooks) == 2)
    wait_for_webhook(sandbox, "delivered")
