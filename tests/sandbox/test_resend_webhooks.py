"""Resend's webhooks: signatures, payloads, order, retries."""

import json
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import SECRET, Api, mail
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox_server import SandboxServer

ROOT = Path(__file__).parents[2]
SPEC = json.loads((ROOT / "sandbox/specs/resend.openapi.json").read_text())
PAYLOADS = sorted((ROOT / "tests/payloads/resend").glob("*.json"))
EVENTS = [
    "sent", "scheduled", "delivered", "delivery_delayed", "bounced", "complained", "opened",
    "clicked", "failed", "suppressed",
]  # fmt: skip


def assert_in_spec(event: Any) -> None:
    request = SPEC["webhooks"][event["type"]]["post"]["requestBody"]
    reference = request["content"]["application/json"]["schema"]
    Draft202012Validator({**reference, "components": SPEC["components"]}).validate(event)


def verify(hook: Hook) -> None:
    headers = {name.replace("svix-", "webhook-"): value for name, value in hook.headers.items()}
    standardwebhooks.Webhook(SECRET).verify(hook.body, headers)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_the_payload_files_follow_the_official_spec(path: Path) -> None:
    event = json.loads(path.read_text())
    assert event["type"] == path.stem
    assert_in_spec(event)


def test_there_is_a_payload_file_for_every_webhook_of_the_spec() -> None:
    assert {path.stem for path in PAYLOADS} == set(SPEC["webhooks"])


def test_a_mail_is_sent_then_delivered_and_says_so_signed(api: Api, receiver: Receiver) -> None:
    api.send(tags=[{"name": "message", "value": "m1"}], headers={"X-Ref": "1"})
    assert receiver.types(2) == ["email.sent", "email.delivered"]
    for hook in receiver.hooks:
        verify(hook)
        assert_in_spec(hook.event)
        assert hook.event["data"]["tags"] == {"message": "m1"}
        assert hook.event["data"]["headers"] == [{"name": "X-Ref", "value": "1"}]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_can_be_asked_for_and_follows_the_spec(
    api: Api, sandbox: SandboxServer, receiver: Receiver, event: str
) -> None:
    sandbox.control("PATCH", "/resend", {"auto_receipts": False})
    sent = api.send(html='<a href="https://rosewood.example/x">x</a>').json()["id"]
    sandbox.control("POST", f"/resend/emails/{sent}/events", {"type": event})
    hook = receiver.wait_for(bool)[0]
    verify(hook)
    assert hook.type == f"email.{event}"
    assert_in_spec(hook.event)
    assert api("GET", f"/emails/{sent}").json()["last_event"] == event


@pytest.mark.parametrize(
    ("address", "types"),
    [
        ("delivered@resend.dev", ["email.sent", "email.delivered"]),
        ("bounced+a@resend.dev", ["email.sent", "email.bounced"]),
        ("complained@resend.dev", ["email.sent", "email.delivered", "email.complained"]),
    ],
)
def test_the_test_addresses_behave_every_time(
    api: Api, receiver: Receiver, address: str, types: list[str]
) -> None:
    api.send(to=address)
    assert receiver.types(len(types)) == types
    receiver.hooks.clear()
    api.send(to=address)
    assert receiver.types(len(types)) == types


@pytest.mark.parametrize(
    ("event", "reason"), [("bounced", "previous_bounce"), ("complained", "previous_complaint")]
)
def test_an_address_that_bounced_or_complained_is_not_written_to_again(
    api: Api, sandbox: SandboxServer, receiver: Receiver, event: str, reason: str
) -> None:
    sent = api.send().json()["id"]
    receiver.types(2)
    sandbox.control("POST", f"/resend/emails/{sent}/events", {"type": event})
    api.send(to="Amelia <AMELIA@example.com>")
    # Two mails: which one's webhook is faster is anybody's guess.
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 4)
    suppressed = [hook.event["data"] for hook in hooks if hook.type == "email.suppressed"]
    assert suppressed[0]["suppressed"]["reason"] == reason


def test_a_full_mailbox_suppresses_nobody(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sent = api.send().json()["id"]
    details = {"type": "Transient", "subType": "MailboxFull"}
    event = {"type": "bounced", "details": details}
    sandbox.control("POST", f"/resend/emails/{sent}/events", event)
    bounced = receiver.wait_for(lambda hooks: len(hooks) >= 3)
    assert any(hook.event["data"].get("bounce", {}).get("type") == "Transient" for hook in bounced)
    assert sandbox.control("GET", "/resend")["settings"]["suppressions"] == {}


def test_a_reply_lands_as_a_received_mail(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sent = api.send(reply_to="inbox@rosewood.example").json()["id"]
    receiver.types(2)
    sandbox.control("POST", f"/resend/emails/{sent}/reply", {"text": "Yes, please."})
    hook = receiver.wait_for(lambda hooks: len(hooks) >= 3)[-1]
    verify(hook)
    assert_in_spec(hook.event)
    assert hook.event["data"]["to"] == ["inbox@rosewood.example"]
    full = api("GET", f"/emails/receiving/{hook.event['data']['email_id']}").json()
    assert full["text"] == "Yes, please."
    assert full["headers"]["in-reply-to"] == api("GET", f"/emails/{sent}").json()["message_id"]


def test_a_refused_webhook_is_tried_again_under_the_same_id(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    receiver.answers[:] = [500]
    api.send()
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 3)
    assert sorted(hook.type for hook in hooks).count("email.sent") == 2
    assert len({hook.id for hook in hooks}) == 2
    assert wait_until_settled(sandbox)["webhooks_failed"] == 1
    logged = sandbox.control("GET", "/resend/webhooks?type=email.sent")["webhooks"][0]
    assert [attempt["status"] for attempt in logged["attempts"]] == [500, 204]


def test_a_webhook_can_be_replayed(api: Api, sandbox: SandboxServer, receiver: Receiver) -> None:
    api.send()
    first = receiver.wait_for(lambda hooks: len(hooks) >= 2)[0]
    sandbox.control("POST", f"/resend/webhooks/{first.id}/replay")
    again = receiver.wait_for(lambda hooks: len(hooks) >= 3)[-1]
    assert (again.id, again.body) == (first.id, first.body)


def test_a_thousand_mails_report_in_order_and_none_twice(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    for start in range(0, 1000, 100):
        mails = [mail(to=f"guest{n}@example.com") for n in range(start, start + 100)]
        assert api("POST", "/emails/batch", mails).status_code == 200
    hooks = list(receiver.wait_for(lambda hooks: len(hooks) >= 2000, seconds=20))
    stats = sandbox.control("GET", "/resend/stats")
    assert (stats["mails"], stats["repeated"]) == (1000, {})
    types: dict[str, list[str]] = {}
    for hook in hooks:
        event = hook.event
        types.setdefault(event["data"]["email_id"], []).append(event["type"])
    assert set(map(tuple, types.values())) == {("email.sent", "email.delivered")}


def wait_until_settled(sandbox: SandboxServer) -> dict[str, int]:
    while True:
        found = sandbox.control("GET", "/resend")
        if not found["webhooks_waiting"] and found["counters"].get("webhooks_sent", 0) >= 2:
            counters: dict[str, int] = found["counters"]
            return counters
