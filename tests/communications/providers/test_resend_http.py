"""Resend over real HTTP, against a server that knows the documents and not our code."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from communications.providers.base import Accepted
from communications.providers.resend import Resend
from communications.providers.resend.transport import CLIENT
from communications.vocabulary.events import File
from communications.vocabulary.statuses import Status
from tests.communications.providers.contract import outbound
from tests.communications.providers.test_resend import resend
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    InvalidRecipient,
    OutcomeUnknown,
    RateLimited,
    ServerFailed,
)

KEY = "re_over_http"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(resend_api_key=KEY) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxServer) -> Iterator[SandboxServer]:
    yield server
    server.control("POST", "/reset")


@pytest.fixture
def provider(sandbox: SandboxServer) -> Resend:
    return resend(f"{sandbox.url}/resend", api_key=KEY)


def accepted_id(provider: Resend, *, key: str = "k") -> str:
    (result,) = provider.send([outbound()], key=key).results
    assert isinstance(result, Accepted)
    return result.provider_id


def faults(sandbox: SandboxServer, **switched_on: object) -> None:
    sandbox.control("PUT", "/resend/faults", switched_on)


def test_a_mail_arrives_with_everything_it_has(provider: Resend, sandbox: SandboxServer) -> None:
    file = File(filename="plan.txt", content_type="text/plain", content=b"Table 1")
    mail = outbound(html="<p>Soon</p>", headers={"X-Ref": "1"}, attachments=(file,))
    (result,) = provider.send([mail], key="k").results
    assert isinstance(result, Accepted)
    found = sandbox.control("GET", f"/resend/emails/{result.provider_id}")
    assert found["to"] == ["guest-1@example.com"]
    assert "plan.txt" in json.dumps(found)


def test_the_same_key_and_bytes_make_one_mail(provider: Resend, sandbox: SandboxServer) -> None:
    assert accepted_id(provider) == accepted_id(provider)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


def test_a_repeated_batch_makes_each_mail_once(provider: Resend, sandbox: SandboxServer) -> None:
    mails = [outbound(number) for number in range(100)]
    first, again = (provider.send(mails, key="batch").results for _ in range(2))
    assert list(first) == list(again)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 100


def test_one_bad_mail_of_a_batch_holds_back_none(
    provider: Resend,
    sandbox: SandboxServer,
) -> None:
    mails = [outbound(0), outbound(1, to="not an address"), outbound(2)]
    first, second, third = provider.send(mails, key="batch").results
    assert isinstance(second, InvalidRecipient)
    for result, number in ((first, 0), (third, 2)):
        assert isinstance(result, Accepted)
        found = sandbox.control("GET", f"/resend/emails/{result.provider_id}")
        assert found["to"] == [f"guest-{number}@example.com"]


def test_a_wrong_key_is_a_matter_of_credentials(sandbox: SandboxServer) -> None:
    with pytest.raises(CredentialsRejected):
        resend(f"{sandbox.url}/resend", api_key="re_wrong").send([outbound()], key="k")


def test_the_permitted_rate_is_learned(provider: Resend, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/resend", {"rate_per_second": 40})
    try:
        assert provider.send([outbound()], key="k").per_second == 40
    finally:
        sandbox.control("PATCH", "/resend", {"rate_per_second": 100_000})


def test_too_fast_is_said_with_a_pause(provider: Resend, sandbox: SandboxServer) -> None:
    faults(sandbox, rate_limit={"retry_after": 3, "count": 1})
    with pytest.raises(RateLimited) as caught:
        accepted_id(provider)
    assert caught.value.retry_after == timedelta(seconds=3)
    assert accepted_id(provider)


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_server_error_is_repeated_without_a_second_mail(
    provider: Resend,
    sandbox: SandboxServer,
    mode: str,
) -> None:
    faults(sandbox, status={"status": 500, "mode": mode, "count": 1})
    with pytest.raises(ServerFailed):
        accepted_id(provider)
    assert accepted_id(provider)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_cut_connection_is_repeated_without_a_second_mail(
    provider: Resend,
    sandbox: SandboxServer,
    mode: str,
) -> None:
    faults(sandbox, drop_connection={"mode": mode, "count": 1})
    with pytest.raises(OutcomeUnknown):
        accepted_id(provider)
    assert accepted_id(provider)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


def test_an_answer_that_came_too_late_is_repeated_without_a_second_mail(
    provider: Resend,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CLIENT.client, "_timeout", (1.0, 0.3))
    faults(sandbox, hang={"seconds": 1, "count": 1})
    with pytest.raises(OutcomeUnknown):
        accepted_id(provider)
    monkeypatch.undo()
    assert accepted_id(provider)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


@pytest.mark.parametrize("body", ["broken", "empty"])
def test_an_unreadable_success_is_repeated_without_a_second_mail(
    provider: Resend,
    sandbox: SandboxServer,
    body: str,
) -> None:
    faults(sandbox, bad_body={"body": body, "count": 1})
    with pytest.raises(OutcomeUnknown):
        accepted_id(provider)
    assert accepted_id(provider)
    assert sandbox.control("GET", "/resend/stats")["mails"] == 1


def test_it_can_be_asked_where_a_mail_stands(provider: Resend, sandbox: SandboxServer) -> None:
    sandbox.control("PATCH", "/resend", {"auto_receipts": False})
    try:
        sent = accepted_id(provider)
        sandbox.control("POST", f"/resend/emails/{sent}/events", {"type": "delivered"})
        found = provider.fetch_status(sent)
    finally:
        sandbox.control("PATCH", "/resend", {"auto_receipts": True})
    assert found is not None
    assert found.status is Status.DELIVERED


def test_a_received_mail_is_fetched_whole(provider: Resend, sandbox: SandboxServer) -> None:
    mail = {"from": "Amelia <amelia@example.com>", "to": "hello@everafter.example", "text": "Yes!"}
    made = sandbox.control("POST", "/resend/inbound", mail)
    found = provider.fetch_received(made["id"])
    assert (found.sender, found.text, found.complete) == ("amelia@example.com", "Yes!", True)
