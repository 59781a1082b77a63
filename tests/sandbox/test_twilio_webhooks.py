"""Twilio's webhooks: forms, signatures, order, retries, STOP, and answers that become messages."""

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tests.sandbox.conftest import TWILIO_TOKEN, TwilioApi
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox.test_signing import independent
from tests.sandbox_server import SandboxServer, free_port

PAYLOADS = Path(__file__).parents[1] / "payloads/twilio"
PERSON = "+447700900123"


def verify(receiver: Receiver, hook: Hook) -> None:
    fields = parse_qsl(hook.body.decode(), keep_blank_values=True)
    url = receiver.url.rstrip("/") + hook.path
    assert hook.headers["x-twilio-signature"] == independent(TWILIO_TOKEN, url, fields)


def callback(receiver: Receiver) -> dict[str, str]:
    return {"StatusCallback": f"{receiver.url}status?message=m1&x=%C3%A4"}


def statuses(receiver: Receiver, count: int) -> list[str]:
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= count)
    return [hook.form["MessageStatus"] for hook in hooks]


def payload(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return found


def test_a_message_tells_its_own_address_how_it_is_doing(
    twilio: TwilioApi, receiver: Receiver
) -> None:
    created = twilio.send(**callback(receiver)).json()
    assert statuses(receiver, 3) == ["sending", "sent", "delivered"]
    for hook in receiver.hooks:
        verify(receiver, hook)
        assert hook.path == "/status?message=m1&x=%C3%A4"
        assert hook.form["MessageSid"] == created["sid"]
        assert hook.headers["user-agent"] == "TwilioProxy/1.1"
        assert hook.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert set(receiver.hooks[-1].form) == set(payload("delivered"))
    assert len({hook.headers["i-twilio-idempotency-token"] for hook in receiver.hooks}) == 3


def test_a_service_queues_first(twilio: TwilioApi, receiver: Receiver) -> None:
    twilio.send(From=None, MessagingServiceSid="MG" + "0" * 32, **callback(receiver))
    assert statuses(receiver, 4) == ["queued", "sending", "sent", "delivered"]
    assert set(receiver.hooks[0].form) == set(payload("queued"))


def test_a_phone_out_of_reach(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PATCH", f"/phones/{PERSON}", {"out_of_reach": True})
    sid = twilio.send(**callback(receiver)).json()["sid"]
    assert statuses(receiver, 3)[-1] == "undelivered"
    assert set(receiver.hooks[-1].form) == set(payload("undelivered"))
    assert twilio("GET", f"/Messages/{sid}.json").json()["error_code"] == 30003


@pytest.mark.parametrize(("status", "code"), [("failed", 30007), ("delivered", None)])
def test_any_status_can_be_asked_for(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver, status: str, code: int | None
) -> None:
    sandbox.control("PATCH", "/twilio", {"auto_receipts": False})
    sid = twilio.send(**callback(receiver)).json()["sid"]
    event = {"type": status, "error_code": code}
    sandbox.control("POST", f"/twilio/messages/{sid}/events", event)
    form = receiver.wait_for(bool)[0].form
    assert form["MessageStatus"] == status
    assert form.get("ErrorCode") == (str(code) if code else None)


def test_whatsapp_by_twilio_needs_the_window_and_knows_reading(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    whatsapp = {"To": f"whatsapp:{PERSON}", "From": "whatsapp:+15550100100"}
    twilio.send(**whatsapp, **callback(receiver))
    assert statuses(receiver, 2) == ["sending", "failed"]
    assert set(receiver.hooks[-1].form) == set(payload("failed.whatsapp"))
    receiver.hooks.clear()
    sandbox.control("POST", "/twilio/inbound", {"from": f"whatsapp:{PERSON}", "body": "Hi"})
    assert set(receiver.wait_for(bool)[0].form) == set(payload("incoming.whatsapp"))
    receiver.hooks.clear()
    twilio.send(**whatsapp, **callback(receiver))
    assert statuses(receiver, 3)[-1] == "delivered"
    sandbox.control("POST", f"/phones/{PERSON}/read")
    assert statuses(receiver, 4)[-1] == "read"
    assert set(receiver.hooks[-1].form) == set(payload("read"))


def settled(sandbox: SandboxServer, sent: int = 1) -> None:
    while sandbox.control("GET", "/twilio")["counters"].get("webhooks_sent", 0) < sent:
        continue


def test_a_refused_callback_is_lost_for_ever(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    receiver.answers.append(500)
    twilio.send(**callback(receiver))
    assert statuses(receiver, 3) == ["sending", "sent", "delivered"]
    settled(sandbox, 2)
    first = sandbox.control("GET", "/twilio/webhooks?type=status.sending")["webhooks"][0]
    assert (first["state"], len(first["attempts"])) == ("failed", 1)


@pytest.mark.parametrize(("fragment", "attempts"), [("", 2), ("#rc=0", 1), ("#rc=3&rp=all", 4)])
def test_only_a_failed_connection_is_tried_again(
    twilio: TwilioApi, sandbox: SandboxServer, fragment: str, attempts: int
) -> None:
    twilio.send(StatusCallback=f"http://127.0.0.1:{free_port()}/cb{fragment}")
    while True:
        found = sandbox.control("GET", "/twilio/webhooks?type=status.sending")["webhooks"][0]
        if found["state"] == "failed":
            break
    assert len(found["attempts"]) == attempts


def test_an_override_makes_twilio_try_again_after_an_error(
    twilio: TwilioApi, receiver: Receiver
) -> None:
    receiver.answers.append(503)
    twilio.send(StatusCallback=f"{receiver.url}cb#rc=2&rp=5xx")
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 4)
    tokens = [hook.headers["i-twilio-idempotency-token"] for hook in hooks]
    assert len(set(tokens)) == 3
    for hook in hooks:
        verify(receiver, hook)


def test_a_forged_callback_does_not_verify(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PUT", "/twilio/faults", {"webhook_forge": {"only": ["status.sending"]}})
    twilio.send(**callback(receiver))
    forged, genuine = receiver.wait_for(lambda hooks: len(hooks) >= 2)[:2]
    verify(receiver, genuine)
    with pytest.raises(AssertionError):
        verify(receiver, forged)


def test_the_payload_files_are_forms() -> None:
    for path in PAYLOADS.glob("*.json"):
        form = json.loads(path.read_text())
        assert all(isinstance(value, str) for value in form.values()), path
        assert ("MessageStatus" in form) != ("Body" in form), path
