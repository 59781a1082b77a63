"""Phones: one thread per number, whoever carried it."""

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import TwilioApi, WhatsAppApi
from tests.sandbox_server import SandboxServer

PERSON = "+447700900123"


def test_a_phone_shows_both_providers_in_one_thread(
    twilio: TwilioApi, whatsapp: WhatsAppApi, sandbox: SandboxServer
) -> None:
    twilio.send(Body="one")
    whatsapp.send_template("rsvp_reminder", "Amelia")
    sandbox.control("POST", "/twilio/inbound", {"from": PERSON, "body": "three"})
    sandbox.control("POST", "/whatsapp/inbound", {"from": PERSON, "text": "four"})
    row = sandbox.control("GET", "/phones")["phones"][0]
    assert (row["number"], row["messages"], row["unread"], row["replies"]) == (PERSON, 2, 2, 2)
    assert (row["latest_text"], set(row["channels"])) == ("four", {"sms", "whatsapp"})
    entries = sandbox.control("GET", f"/phones/{PERSON}")["entries"]
    assert [(entry["provider"], entry["direction"]) for entry in entries] == [
        ("twilio", "to them"),
        ("whatsapp", "to them"),
        ("twilio", "from them"),
        ("whatsapp", "from them"),
    ]
    assert entries[1]["message"]["buttons"] == ["I will be there", "I cannot come"]


def test_reading_reads_everything(
    twilio: TwilioApi, whatsapp: WhatsAppApi, sandbox: SandboxServer
) -> None:
    twilio.send()
    whatsapp.send_template("rsvp_reminder", "Amelia")
    read = sandbox.control("POST", f"/phones/{PERSON}/read")
    assert all(entry["seen"] for entry in read["entries"])
    assert read["entries"][1]["message"]["status"] == "read"


def test_a_phone_can_be_given_a_name_and_forgotten(sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", f"/phones/{PERSON}", {"name": "Amelia", "out_of_reach": True})
    assert sandbox.control("GET", "/phones")["phones"][0]["name"] == "Amelia"
    sandbox.control("POST", "/reset")
    assert sandbox.control("GET", "/phones")["phones"] == []


@pytest.mark.parametrize("body", [{"colour": "blue"}, {"name": 3}, {"out_of_reach": "yes"}])
def test_what_makes_no_sense_is_explained(sandbox: SandboxServer, body: Any) -> None:
    url = f"{sandbox.url}/control/phones/{PERSON}"
    assert requests.patch(url, json=body, timeout=5).status_code == 422
