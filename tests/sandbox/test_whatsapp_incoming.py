"""What people send by WhatsApp, as Meta tells it."""

import pytest
import requests

from tests.sandbox.receiver import Receiver
from tests.sandbox.test_whatsapp_webhooks import PERSON, Json, payload, shape, value, verify
from tests.sandbox_server import SandboxServer

INCOMING: dict[str, Json] = {
    "message.text": {"text": "Könnten wir um 11 Uhr kommen? 💐"},
    "message.text.reply": {"text": "Yes", "reply_to": "wamid.1"},
    "message.image": {"type": "image", "image": {"caption": "Is this the barn?"}},
    "message.video": {"type": "video"},
    "message.audio": {"type": "audio"},
    "message.document": {"type": "document"},
    "message.sticker": {"type": "sticker"},
    "message.location": {"type": "location"},
    "message.button": {"type": "button", "reply_to": "wamid.1"},
    "message.interactive.button": {"type": "interactive", "reply_to": "wamid.1"},
    "message.reaction": {"type": "reaction", "reaction": {"message_id": "wamid.1"}},
    "message.order": {"type": "order"},
    "message.system": {"type": "system", "system": {"wa_id": "447700900124"}},
    "message.unsupported": {"type": "unsupported"},
    "message.without-number": {"user_id": "GB.1349", "from": None, "text": "Hello"},
}


@pytest.mark.parametrize("name", INCOMING)
def test_every_type_of_incoming_message(
    sandbox: SandboxServer, receiver: Receiver, name: str
) -> None:
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, **INCOMING[name]})
    expected = shape(payload(name))
    # A webhook of the test before may still be under way.
    hooks = receiver.wait_for(lambda some: any(shape(hook.event) == expected for hook in some))
    hook = next(hook for hook in hooks if shape(hook.event) == expected)
    verify(hook)
    assert hook.body.isascii()


def test_a_type_nobody_has_heard_of_goes_out_as_given(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    given = {"from": PERSON, "type": "hologram", "hologram": {"of": "the bride"}}
    sandbox.control("POST", "/whatsapp/inbound", given)
    message = value(receiver.wait_for(bool)[0])["messages"][0]
    assert message["hologram"] == {"of": "the bride"}


def test_what_becomes_of_a_message_names_it(sandbox: SandboxServer, receiver: Receiver) -> None:
    for kind in ("edit", "revoke"):
        about = {kind: {"original_message_id": "wamid.1"}}
        sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "type": kind, **about})
    hooks = receiver.wait_for(lambda some: len(some) > 1)
    found = {message["type"]: message for hook in hooks for message in value(hook)["messages"]}
    assert found["edit"]["edit"]["message"]["text"] == {"body": "Hello again"}
    assert found["revoke"]["revoke"] == {"original_message_id": "wamid.1"}


def test_a_number_and_an_id_may_be_seen_together(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    given = {"from": PERSON, "user_id": "GB.1349", "extra": {"group_id": "g1"}}
    sandbox.control("POST", "/whatsapp/inbound", given)
    told = value(receiver.wait_for(bool)[0])
    assert told["messages"][0]["from_user_id"] == told["contacts"][0]["user_id"] == "GB.1349"
    assert told["messages"][0]["group_id"] == "g1"


def test_what_is_written_with_the_app_is_echoed(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.control("POST", "/whatsapp/echoes", {"to": PERSON, "text": "From my telephone"})
    told = value(receiver.wait_for(bool)[0])
    (echoed,) = told["message_echoes"]
    assert (echoed["to"], echoed["text"]) == (
        PERSON.removeprefix("+"),
        {"body": "From my telephone"},
    )
    with pytest.raises(requests.HTTPError):
        sandbox.control("POST", "/whatsapp/echoes", {"to": "nobody"})


def test_it_is_written_as_meta_writes_it(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "ä 1/2"})
    body = receiver.wait_for(bool)[0].body
    assert b'"body":"\\u00e4 1\\/2"' in body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/inbound", {"from": "x"}),
        ("POST", "/inbound", {"from": PERSON, "text": 3}),
        ("POST", "/inbound", {"from": PERSON, "type": "image", "image": {"content": "*"}}),
        ("POST", "/preferences", {"from": PERSON, "value": "perhaps"}),
        ("POST", "/window", {"from": PERSON}),
        ("POST", "/changes", {"field": "x"}),
        ("PATCH", "/templates/survey", {"status": "GOOD"}),
        ("POST", "/templates", {"name": "x"}),
        ("PATCH", "", {"quality_rating": "BLUE"}),
        ("PATCH", "", {"phone_number_id": "1"}),
    ],
)
def test_what_makes_no_sense_is_explained(
    sandbox: SandboxServer, method: str, path: str, body: Json
) -> None:
    url = f"{sandbox.url}/control/whatsapp{path}"
    answer = requests.request(method, url, json=body, timeout=5)
    assert answer.status_code == 422
    assert answer.json()["error"]
