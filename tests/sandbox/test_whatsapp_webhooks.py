"""Meta's webhooks: signatures over the bytes, statuses, incoming messages, batches, handshake."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.sandbox.conftest import WhatsAppApi
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox.test_whatsapp_api import SPEC
from tests.sandbox_server import SandboxServer

FILES = sorted((Path(__file__).parents[1] / "payloads/whatsapp").glob("*.json"))
PERSON = "+447700900123"
SECRET = "whatsapp_app_secret"
Json = dict[str, Any]


def payload(name: str) -> Json:
    path = next(path for path in FILES if path.stem == name)
    found: Json = json.loads(path.read_text())
    return found


def verify(hook: Hook) -> None:
    digest = hmac.new(SECRET.encode(), hook.body, hashlib.sha256).hexdigest()
    assert hook.headers["x-hub-signature-256"] == f"sha256={digest}"


def value(hook: Hook) -> Json:
    found: Json = hook.event["entry"][0]["changes"][0]["value"]
    return found


def statuses(receiver: Receiver, count: int) -> list[Json]:
    """One each: a webhook may hold many, but only with the fault."""
    hooks = receiver.wait_for(
        lambda hooks: len([h for h in hooks if b"statuses" in h.body]) >= count
    )
    return [value(hook)["statuses"][0] for hook in hooks if b"statuses" in hook.body]


def shape(found: Any) -> Any:
    """Names and kinds, without what varies."""
    if isinstance(found, dict):
        return {name: shape(inner) for name, inner in found.items()}
    if isinstance(found, list):
        return [shape(found[0])] if found else []
    return type(found).__name__


def test_a_template_is_sent_delivered_and_read(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    ours = {"biz_opaque_callback_data": "m1"}
    answer = whatsapp.send_template("wedding_update", "A", "B", **ours)
    wamid = answer.json()["messages"][0]["id"]
    assert [status["status"] for status in statuses(receiver, 2)] == ["sent", "delivered"]
    sandbox.control("POST", f"/phones/{PERSON}/read")
    for status, name in zip(statuses(receiver, 3), ("sent", "delivered", "read"), strict=True):
        assert (status["id"], status["status"]) == (wamid, name)
        assert status["biz_opaque_callback_data"] == "m1"
    for hook, name in zip(receiver.hooks, ("sent", "delivered", "read"), strict=True):
        verify(hook)
        assert shape(hook.event) == shape(payload(f"status.{name}"))
        Draft202012Validator(
            {"$ref": "#/components/schemas/StatusMessageValue", "components": SPEC["components"]}
        ).validate(value(hook))


def test_free_text_outside_the_window_is_accepted_and_fails(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    assert whatsapp.send(biz_opaque_callback_data="m1").status_code == 200
    assert statuses(receiver, 1)[0]["errors"][0]["code"] == 131047
    assert shape(receiver.hooks[0].event) == shape(payload("status.failed.window"))
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "Hello"})
    whatsapp.send()
    assert [status["status"] for status in statuses(receiver, 3)][1:] == ["sent", "delivered"]
    sandbox.control("POST", "/whatsapp/window", {"from": PERSON, "open": False})
    whatsapp.send()
    assert statuses(receiver, 4)[-1]["status"] == "failed"


def test_a_reaction_opens_no_window(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "type": "reaction"})
    whatsapp.send()
    assert statuses(receiver, 1)[0]["status"] == "failed"


def offer(whatsapp: WhatsAppApi, **fields: Any) -> None:
    assert whatsapp.send_template("spring_offer", "A", "1 May", **fields).status_code == 200


def test_who_wants_no_offers_gets_none_but_news(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("POST", "/whatsapp/preferences", {"from": PERSON, "value": "stop"})
    hook = receiver.wait_for(bool)[0]
    assert shape(hook.event) == shape(payload("user_preferences.stop"))
    offer(whatsapp)
    assert statuses(receiver, 1)[0]["errors"][0]["code"] == 131050
    whatsapp.send_template("wedding_update", "A", "B")
    assert statuses(receiver, 2)[-1]["status"] == "sent"
    sandbox.control("POST", "/whatsapp/preferences", {"from": PERSON, "value": "resume"})
    offer(whatsapp)
    assert statuses(receiver, 4)[-1]["status"] in ("sent", "delivered")


def test_nobody_in_america_gets_offers(whatsapp: WhatsAppApi, receiver: Receiver) -> None:
    offer(whatsapp, to="+14155550123")
    assert statuses(receiver, 1)[0]["errors"][0]["code"] == 131049


def test_not_on_whatsapp(whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.control("PATCH", f"/phones/{PERSON}", {"not_on_whatsapp": True})
    whatsapp.send_template("wedding_update", "A", "B")
    assert [status["errors"][0]["code"] for status in statuses(receiver, 1)] == [131026]


def test_out_of_reach_waits_for_the_phone(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PATCH", "/whatsapp", {"receipt_delay": 0})
    sandbox.control("PATCH", f"/phones/{PERSON}", {"out_of_reach": True})
    whatsapp.send_template("wedding_update", "A", "B")
    assert sandbox.control("GET", "/whatsapp/messages?status=sent")["messages"]
    assert [status["status"] for status in statuses(receiver, 1)] == ["sent"]
    sandbox.control("PATCH", f"/phones/{PERSON}", {"out_of_reach": False})
    assert [status["status"] for status in statuses(receiver, 2)] == ["sent", "delivered"]


def test_delivered_can_be_skipped(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PUT", "/whatsapp/faults", {"webhook_skip_delivered": {"count": 1}})
    whatsapp.send_template("wedding_update", "A", "B")
    assert [status["status"] for status in statuses(receiver, 2)] == ["sent", "read"]


def test_any_status_can_be_asked_for(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PATCH", "/whatsapp", {"auto_receipts": False})
    wamid = whatsapp.send().json()["messages"][0]["id"]
    event = {"type": "failed", "error_code": 999_999, "details": "Something new."}
    sandbox.control("POST", f"/whatsapp/messages/{wamid}/events", event)
    error = statuses(receiver, 1)[0]["errors"][0]
    assert (error["code"], error["error_data"]["details"]) == (999_999, "Something new.")


def test_a_batch_holds_everything_once(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PUT", "/whatsapp/faults", {"webhook_batch": {"seconds": 30, "size": 100}})
    for n in range(4):
        whatsapp.send_template("rsvp_reminder", "A", to=f"44770090020{n}")
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "Hello"})
    sandbox.control("POST", "/whatsapp/preferences", {"from": PERSON, "value": "stop"})
    while sandbox.control("GET", "/whatsapp/stats")["statuses"].get("delivered", 0) < 4:
        continue
    assert receiver.hooks == []
    sandbox.control("DELETE", "/whatsapp/faults")
    hook = receiver.wait_for(bool)[0]
    verify(hook)
    changes = hook.event["entry"][0]["changes"]
    assert [change["field"] for change in changes] == ["messages", "user_preferences"]
    assert len(changes[0]["value"]["statuses"]) == 8
    assert len(changes[0]["value"]["messages"]) == 1
    pairs = {(status["id"], status["status"]) for status in changes[0]["value"]["statuses"]}
    assert len(pairs) == 8


def test_a_refused_webhook_is_tried_again(sandbox: SandboxServer, receiver: Receiver) -> None:
    receiver.answers.append(500)
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "Hello"})
    first, second = receiver.wait_for(lambda hooks: len(hooks) >= 2)
    assert first.body == second.body


def test_a_forged_webhook_does_not_verify(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.control("PUT", "/whatsapp/faults", {"webhook_forge": {}})
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "Hello"})
    forged, genuine = receiver.wait_for(lambda hooks: len(hooks) >= 2)
    verify(genuine)
    with pytest.raises(AssertionError):
        verify(forged)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_payload_files_are_webhooks_of_meta(path: Path) -> None:
    body = json.loads(path.read_text())
    assert body["object"] == "whatsapp_business_account"
    assert all(change["field"] for entry in body["entry"] for change in entry["changes"])


def test_hundreds_of_messages_report_in_order_and_none_twice(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    for n in range(200):
        ours = {"biz_opaque_callback_data": f"m{n}"}
        whatsapp.send_template("rsvp_reminder", "A", to=f"4477009{n:05d}", **ours)
    found = statuses(receiver, 400)
    stats = sandbox.control("GET", "/whatsapp/stats")
    assert (stats["messages"], stats["repeated"], stats["ours_repeated"]) == (200, {}, {})
    statuses_by_message: dict[str, list[str]] = {}
    for status in found:
        statuses_by_message.setdefault(status["biz_opaque_callback_data"], []).append(
            status["status"]
        )
    assert set(map(tuple, statuses_by_message.values())) == {("sent", "delivered")}
