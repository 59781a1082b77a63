"""What Meta tells about an account and its templates, and how it gets to know an endpoint."""

from typing import Any

import pytest

from tests.sandbox.conftest import WhatsAppApi
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_whatsapp_webhooks import Json, payload, shape, value, verify
from tests.sandbox_server import SandboxServer


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"status": "PAUSED"}, "message_template_status_update.approved"),
        ({"quality": "YELLOW"}, "message_template_quality_update"),
        ({"category": "MARKETING"}, "template_category_update"),
    ],
)
def test_a_change_of_a_template_is_told_and_holds(
    whatsapp: WhatsAppApi, sandbox: SandboxServer, receiver: Receiver, change: Json, name: str
) -> None:
    sandbox.control("PATCH", "/whatsapp/templates/wedding_update", change)
    hook = receiver.wait_for(bool)[0]
    verify(hook)
    assert shape(hook.event) == shape(payload(name))
    paused = "status" in change
    error = whatsapp.send_template("wedding_update", "A", "B").json().get("error", {})
    assert error.get("code") == (132015 if paused else None)


def test_a_template_that_is_paused_again_is_told_in_another_body(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    for status in ("PAUSED", "APPROVED", "PAUSED", "APPROVED"):
        change = {"status": status}
        sandbox.control("PATCH", "/whatsapp/templates/wedding_update", change)
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 4)
    assert len({hook.body for hook in hooks}) == 4
    times = [hook.event["entry"][0]["time"] for hook in hooks]
    assert all(isinstance(time, int) for time in times)


def test_the_account_and_anything_else_can_be_told(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    restriction = payload("account_update.restricted")["entry"][0]["changes"][0]["value"]
    details = {"restriction_info": restriction["restriction_info"]}
    sandbox.control(
        "POST", "/whatsapp/account", {"event": "ACCOUNT_RESTRICTION", "details": details}
    )
    assert value(receiver.wait_for(bool)[0]) == restriction
    alert = payload("account_alerts")["entry"][0]["changes"][0]
    sandbox.control("POST", "/whatsapp/changes", alert)
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 2)
    assert hooks[-1].event["entry"][0]["changes"][0] == alert


@pytest.mark.parametrize(
    ("answer", "verified"),
    [
        (lambda query: (200, query["hub.challenge"]), True),
        (lambda query: (200, f'"{query["hub.challenge"]}"'), False),
        (lambda _: (403, ""), False),
    ],
)
def test_the_handshake(
    sandbox: SandboxServer,
    receiver: Receiver,
    answer: Any,
    verified: bool,  # noqa: FBT001
) -> None:
    asked: list[dict[str, str]] = []

    def handshake(query: dict[str, str]) -> tuple[int, str]:
        asked.append(query)
        found: tuple[int, str] = answer(query)
        return found

    receiver.handshake = handshake
    report = sandbox.control("POST", "/whatsapp/verify")
    assert report["verified"] is verified, report
    assert asked[0]["hub.mode"] == "subscribe"
    assert asked[0]["hub.verify_token"] == "whatsapp_verify"
