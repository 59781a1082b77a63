"""What people send by SMS: forms, pictures, STOP, and answers that become messages."""

import base64
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import TWILIO_TOKEN, TwilioApi
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_twilio_webhooks import PERSON, payload, settled, verify
from tests.sandbox_server import SandboxServer


def incoming(sandbox: SandboxServer, body: str, **fields: Any) -> None:
    sandbox.control("POST", "/twilio/inbound", {"from": PERSON, "body": body, **fields})


@pytest.mark.parametrize("body", ["Yes please 💐", "", "a+b & c=d"])
def test_an_incoming_message_is_signed_blanks_and_all(
    sandbox: SandboxServer, receiver: Receiver, body: str
) -> None:
    incoming(sandbox, body)
    hook = receiver.wait_for(bool)[0]
    verify(receiver, hook)
    assert hook.path == "/twilio?from=sandbox"
    assert hook.form["Body"] == body
    assert set(hook.form) == set(payload("incoming.sms"))


def test_an_incoming_picture_can_be_fetched(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    picture = {"content": base64.b64encode(b"GIF").decode(), "content_type": "image/gif"}
    incoming(sandbox, "", media=[picture, {"url": "https://a.example/1.jpg"}])
    form = receiver.wait_for(bool)[0].form
    assert set(form) == set(payload("incoming.mms"))
    fetched = requests.get(form["MediaUrl0"], auth=(twilio.sid, TWILIO_TOKEN), timeout=5)
    assert (fetched.content, fetched.headers["content-type"]) == (b"GIF", "image/gif")
    assert requests.get(form["MediaUrl0"], timeout=5).status_code == 401


@pytest.mark.parametrize("word", ["STOP", "unsubscribe", " Stop ", "CANCEL", "optout"])
def test_after_stop_nothing_goes_out_until_start(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver, word: str
) -> None:
    twilio.send()
    incoming(sandbox, word)
    assert "OptOutType" not in receiver.wait_for(bool)[0].form
    assert twilio.send().json()["code"] == 21610
    assert twilio.send(From="+15550100101").status_code == 201
    incoming(sandbox, "START", to="+15550100100")
    assert twilio.send().status_code == 201
    said = [entry["text"] for entry in thread(sandbox) if "subscribed" in entry["text"]]
    assert len(said) == 2


def thread(sandbox: SandboxServer) -> list[Any]:
    entries: list[Any] = sandbox.control("GET", f"/phones/{PERSON}")["entries"]
    return entries


def test_a_yes_to_the_products_question_is_not_an_opt_in(
    twilio: TwilioApi, sandbox: SandboxServer
) -> None:
    twilio.send()
    incoming(sandbox, "YES")
    assert [entry["direction"] for entry in thread(sandbox)] == ["to them", "from them"]


def test_advanced_opt_out_says_what_was_wished(
    twilio: TwilioApi, sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.control("PATCH", "/twilio", {"advanced_opt_out": True})
    twilio.send(From=None, MessagingServiceSid="MG" + "0" * 32)
    incoming(sandbox, "Stop")
    assert set(receiver.wait_for(bool)[0].form) == set(payload("incoming.stop"))
    assert twilio.send(From=None, MessagingServiceSid="MG" + "0" * 32).json()["code"] == 21610


@pytest.mark.parametrize(
    ("content_type", "answer", "said"),
    [
        ("text/xml", "<Response/>", []),
        ("text/html", "", []),
        ("text/plain", "ok", ["ok"]),
        ("text/xml", "<Response><Message>Hi</Message></Response>", ["Hi"]),
        ("text/xml", "<Response><Message><Body>Hi</Body></Message></Response>", ["Hi"]),
        ("text/html", "<p>ok</p>", []),
        ("text/xml", "<!DOCTYPE x><Response><Message>Hi</Message></Response>", []),
        ("text/xml", "<Response>", []),
    ],
)
def test_what_the_endpoint_answers_may_become_a_message(
    twilio: TwilioApi,
    sandbox: SandboxServer,
    receiver: Receiver,
    content_type: str,
    answer: str,
    said: list[str],
) -> None:
    assert twilio.send().status_code == 201
    receiver.answers.append((content_type, answer))
    incoming(sandbox, "Hello")
    settled(sandbox)
    sent = [entry for entry in thread(sandbox) if entry["direction"] == "to them"]
    assert [entry["text"] for entry in sent[1:]] == said


@pytest.mark.parametrize(
    "body", [{"from": "nobody"}, {"from": PERSON, "body": 3}, {"from": PERSON, "media": [1]}]
)
def test_what_makes_no_sense_is_explained(sandbox: SandboxServer, body: Any) -> None:
    url = f"{sandbox.url}/control/twilio/inbound"
    assert requests.post(url, json=body, timeout=5).status_code == 422
