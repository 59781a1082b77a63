"""What the sandbox still knows after its process has ended, by a signal or by a crash."""

import base64
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.transport.requests import Request

from tests.sandbox.conftest import KEY, TWILIO_TOKEN, Api, TwilioApi, WhatsAppApi, mail
from tests.sandbox.google import Google
from tests.sandbox.graph import WINDOW, GraphApi
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_google_people import create as create_contact
from tests.sandbox.test_google_push import watch
from tests.sandbox.test_microsoft_subscriptions import subscribe
from tests.sandbox_server import SandboxServer

Json = dict[str, Any]
Restart = Callable[[], None]

PHONE = "+447700900123"
# What the control API shows of every vendor.
SHOWN = (
    "/resend/emails",
    "/resend/inbound",
    "/resend/mailboxes",
    "/resend/webhooks",
    "/twilio/messages",
    "/twilio/webhooks",
    "/whatsapp/messages",
    "/whatsapp/templates",
    "/whatsapp/webhooks",
    "/phones",
    f"/phones/{PHONE}",
    "/google/accounts",
    "/google/calendars",
    "/google/people",
    "/google/pushes",
    "/google/invitations",
    "/microsoft/accounts",
    "/microsoft/calendars",
    "/microsoft/people",
    "/microsoft/pushes",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "sandbox.sqlite3"


@pytest.fixture
def kept(file: Path, receiver: Receiver) -> Iterator[SandboxServer]:
    with SandboxServer(
        state=file,
        resend_api_key=KEY,
        resend_webhook_url=receiver.url,
        twilio_auth_token=TWILIO_TOKEN,
        twilio_webhook_url=f"{receiver.url}twilio",
        whatsapp_webhook_url=f"{receiver.url}whatsapp",
    ) as running:
        yield running


@pytest.fixture
def crash(kept: SandboxServer) -> Restart:
    """Killed, long after the half second in which a change is saved."""

    def again() -> None:
        time.sleep(2)
        kept.restart(with_signal=signal.SIGKILL)

    return again


@pytest.fixture(params=["stopped", "killed"])
def restart(request: pytest.FixtureRequest, kept: SandboxServer, crash: Restart) -> Restart:
    return kept.restart if request.param == "stopped" else crash


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


def shown(sandbox: SandboxServer) -> Json:
    return {path: sandbox.control("GET", path) for path in SHOWN}


def quiet(sandbox: SandboxServer) -> bool:
    overview = sandbox.control("GET", "/")
    return not any(vendor["webhooks_waiting"] for vendor in overview.values())


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_messages_and_all_that_belongs_to_them(
    kept: SandboxServer, session: requests.Session, restart: Restart
) -> None:
    resend, twilio = Api(kept, session), TwilioApi(kept, session)
    whatsapp = WhatsAppApi(kept, session)
    attachment = {"filename": "plan.txt", "content": base64.b64encode(b"plan").decode()}
    sent = resend.send("once", attachments=[attachment]).json()["id"]
    resend.send(to=["bounced@resend.dev"])
    twilio.send()
    whatsapp.send_template("wedding_update", "Amelia", "the barn")
    kept.control("POST", f"/resend/emails/{sent}/reply", {"text": "Lovely"})
    kept.control("POST", "/twilio/inbound", {"from": PHONE, "to": "+15550100100", "body": "STOP"})
    kept.control("PATCH", "/whatsapp/templates/rsvp_reminder", {"quality": "RED"})
    kept.control("PATCH", f"/phones/{PHONE}", {"name": "Amelia"})
    eventually(lambda: kept.control("GET", "/resend/emails?limit=1") and quiet(kept))
    time.sleep(0.3)
    before = shown(kept)

    restart()

    assert shown(kept) == before
    assert resend.send("once", attachments=[attachment]).json()["id"] == sent
    assert kept.control("GET", f"/resend/emails/{sent}")["attachments"][0]["content"]
    assert twilio.send().json()["code"] == 21610


def test_a_receipt_that_was_due_meanwhile_comes_at_once(
    kept: SandboxServer, session: requests.Session, receiver: Receiver, crash: Restart
) -> None:
    kept.control("PATCH", "/resend", {"receipt_delay": 1.5})
    sent = Api(kept, session)("POST", "/emails", mail()).json()["id"]

    crash()

    assert kept.control("GET", "/resend")["settings"]["receipt_delay"] == 1.5
    receiver.wait_for(lambda hooks: "email.delivered" in {hook.type for hook in hooks})
    assert kept.control("GET", f"/resend/emails/{sent}")["last_event"] == "delivered"


def test_faults_and_what_they_hold_back(
    kept: SandboxServer, session: requests.Session, receiver: Receiver, crash: Restart
) -> None:
    kept.control("PUT", "/twilio/faults", {"webhook_hold": {"only": ["incoming."]}})
    kept.control("PUT", "/whatsapp/faults", {"status": {"status": 500, "count": 3}})
    inbound = {"from": PHONE, "to": "+15550100100", "body": "Hello"}
    kept.control("POST", "/twilio/inbound", inbound)
    WhatsAppApi(kept, session).send()

    crash()

    assert kept.control("GET", "/whatsapp/faults")["faults"]["status"]["count"] == 2
    assert kept.control("GET", "/twilio")["webhooks_waiting"] == 1
    assert receiver.hooks == []
    kept.control("DELETE", "/twilio/faults")
    receiver.wait_for(lambda hooks: [hook.form["Body"] for hook in hooks] == ["Hello"])


def test_a_phone_out_of_reach_gets_its_message_when_it_is_back(
    kept: SandboxServer, session: requests.Session
) -> None:
    kept.control("PATCH", f"/phones/{PHONE}", {"out_of_reach": True})
    WhatsAppApi(kept, session).send_template("wedding_update", "Amelia", "the barn")

    def status() -> str:
        return str(kept.control("GET", "/whatsapp/messages")["messages"][0]["status"])

    eventually(lambda: status() == "sent")
    time.sleep(0.3)
    kept.restart()

    assert status() == "sent"
    kept.control("PATCH", f"/phones/{PHONE}", {"out_of_reach": False})
    eventually(lambda: status() == "delivered")


def test_google_with_its_consents_cursors_and_channels(
    kept: SandboxServer, receiver: Receiver, crash: Restart
) -> None:
    google = Google(kept)
    made = google.insert(
        attendees=[{"email": "amelia@example.com"}], recurrence=["RRULE:FREQ=DAILY;COUNT=3"]
    )
    contact = create_contact(google)
    cursor, contacts = google.list()["nextSyncToken"], google.contacts()["nextSyncToken"]
    channel = watch(google, receiver)
    eventually(lambda: quiet(kept))
    before = shown(kept)
    old_token = google.credentials.token

    crash()

    assert shown(kept) == before
    assert google.list(syncToken=cursor)["items"] == []
    google.credentials.refresh(Request())
    assert google.credentials.token != old_token
    google.events.patch(calendarId="primary", eventId=made["id"], body={"summary": "B"}).execute()
    found = google.list(syncToken=cursor)["items"]
    assert [event["summary"] for event in found] == ["B"]
    assert "connections" not in google.contacts(syncToken=contacts)
    google.people.people().deleteContact(resourceName=contact["resourceName"]).execute()
    (gone,) = google.contacts(syncToken=contacts)["connections"]
    assert gone["metadata"]["deleted"]
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 2)
    assert hooks[-1].headers["x-goog-channel-id"] == channel["id"]
    google.close()


def test_microsoft_with_its_consents_cursors_and_subscriptions(
    kept: SandboxServer, session: requests.Session, receiver: Receiver
) -> None:
    graph = GraphApi(kept, session)
    made = graph.create(transactionId="t1").json()
    contact = graph("POST", "/me/contacts", {"givenName": "Ada"}).json()
    _, link = graph.round("/me/calendarView/delta", params=WINDOW)
    _, contacts = graph.round("/me/contacts/delta")
    subscription = subscribe(graph, receiver)
    eventually(lambda: quiet(kept))
    before = shown(kept)

    kept.restart()

    assert shown(kept) == before
    assert graph.create(transactionId="t1").json()["id"] == made["id"]
    assert graph.round(link)[0] == []
    graph.tokens = graph.refresh().json()
    graph("PATCH", f"/me/events/{made['id']}", {"subject": "Changed"})
    graph("DELETE", f"/me/contacts/{contact['id']}")
    assert [event["subject"] for event in graph.round(link)[0]] == ["Changed"]
    assert [person["id"] for person in graph.round(contacts)[0]] == [contact["id"]]
    (hook,) = receiver.wait_for(bool)
    (notice,) = hook.event["value"]
    assert notice["subscriptionId"] == subscription["id"]


def test_an_exception_still_belongs_to_its_series(
    kept: SandboxServer, session: requests.Session
) -> None:
    graph = GraphApi(kept, session)
    pattern = {"type": "daily", "interval": 1}
    limits = {"type": "numbered", "startDate": "2027-02-10", "numberOfOccurrences": 3}
    series = graph.create(recurrence={"pattern": pattern, "range": limits}).json()
    instances = f"/me/events/{series['id']}/instances"

    def days() -> list[Json]:
        found: list[Json] = graph("GET", instances, params=WINDOW).json()["value"]
        return found

    graph("PATCH", f"/me/events/{days()[1]['id']}", {"subject": "Moved"})
    before = days()

    kept.restart()

    assert days() == before
    assert [day["type"] for day in before] == ["occurrence", "exception", "occurrence"]
    graph("DELETE", f"/me/events/{series['id']}")
    assert graph("GET", f"/me/events/{before[1]['id']}").status_code == 404


def test_a_reset_is_kept_as_well(kept: SandboxServer, session: requests.Session) -> None:
    Api(kept, session).send()
    kept.control("POST", "/reset")

    kept.restart()

    assert kept.control("GET", "/resend/emails")["emails"] == []


@pytest.mark.parametrize("spoil", ["garbage", "another format", "another version's world"])
def test_what_cannot_be_read_is_set_aside(
    kept: SandboxServer, session: requests.Session, file: Path, spoil: str
) -> None:
    Api(kept, session).send()
    kept.stop()
    if spoil == "garbage":
        file.write_bytes(b"no database" * 1000)
    else:
        change = "PRAGMA user_version = 99"
        if spoil != "another format":
            change = """UPDATE world SET content = replace(content, '"subject"', '"title"')"""
        connection = sqlite3.connect(file)
        connection.execute(change)
        connection.commit()
        connection.close()

    kept.restart()

    assert kept.control("GET", "/resend/emails")["emails"] == []
    assert [path.name for path in file.parent.glob("sandbox.set-aside-*.sqlite3")]
    Api(kept, session).send()
    kept.restart()
    assert len(kept.control("GET", "/resend/emails")["emails"]) == 1


def test_two_sandboxes_do_not_share_a_file(
    kept: SandboxServer, session: requests.Session, file: Path
) -> None:
    Api(kept, session).send()
    kept.restart()

    with SandboxServer(state=file) as other:
        assert other.control("GET", "/resend/emails")["emails"] == []

    kept.restart()
    assert len(kept.control("GET", "/resend/emails")["emails"]) == 1
