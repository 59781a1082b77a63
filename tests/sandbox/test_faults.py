"""What can be made to go wrong, does."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import standardwebhooks

from tests.processes.running import eventually
from tests.sandbox.conftest import Api
from tests.sandbox.receiver import Hook, Receiver
from tests.sandbox.test_resend_webhooks import verify
from tests.sandbox_server import SandboxServer


def switch_on(sandbox: SandboxServer, **faults: Any) -> None:
    sandbox.control("PUT", "/resend/faults", faults)


def mails(sandbox: SandboxServer) -> int:
    count: int = sandbox.control("GET", "/resend/stats")["mails"]
    return count


@pytest.mark.parametrize(("mode", "accepted"), [("before", 0), ("after", 1)])
def test_an_error_comes_before_or_after_accepting_and_heals(
    api: Api, sandbox: SandboxServer, mode: str, accepted: int
) -> None:
    switch_on(sandbox, status={"status": 503, "mode": mode, "count": 1})
    answer = api.send(key="k1")
    assert (answer.status_code, answer.json()["name"]) == (503, "application_error")
    assert mails(sandbox) == accepted
    assert api.send(key="k1").status_code == 200
    assert mails(sandbox) == 1


def test_an_error_can_have_any_documented_name(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, status={"status": 429, "name": "daily_quota_exceeded"})
    assert api.send().json()["name"] == "daily_quota_exceeded"


@pytest.mark.parametrize(("mode", "accepted"), [("before", 0), ("after", 1)])
def test_the_connection_is_cut_before_or_after_accepting(
    api: Api, sandbox: SandboxServer, mode: str, accepted: int
) -> None:
    switch_on(sandbox, drop_connection={"mode": mode, "count": 1})
    with pytest.raises(requests.ConnectionError):
        api.send()
    assert mails(sandbox) == accepted
    assert api("GET", "/domains").status_code == 200
    logged = sandbox.control("GET", "/resend/requests")["requests"][1]
    assert (logged["status"], logged["faults"]) == (None, ["drop_connection"])


def test_an_accepted_mail_hangs_until_the_client_gives_up(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, hang={"seconds": 3, "count": 1})
    with pytest.raises(requests.ReadTimeout):
        api("POST", "/emails", {**MAIL}, headers={"idempotency-key": "k1"}, timeout=0.3)
    assert api("POST", "/emails", {**MAIL}, headers={"idempotency-key": "k1"}).status_code == 200
    assert mails(sandbox) == 1


def test_a_slow_request_keeps_its_key_busy(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, latency={"seconds": 3.0, "count": 1})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(api.send, key="k1")
        time.sleep(1)
        second = api.send(key="k1")
        assert second.json()["name"] == "concurrent_idempotent_requests"
        assert first.result().status_code == 200
    assert mails(sandbox) == 1


def test_a_rate_limit_says_when_to_try_again(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, rate_limit={"retry_after": 7, "count": 1})
    answer = api.send()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert api.send().status_code == 200


@pytest.mark.parametrize("body", ["broken", "empty"])
def test_an_unreadable_answer_is_200_all_the_same(
    api: Api, sandbox: SandboxServer, body: str
) -> None:
    switch_on(sandbox, bad_body={"body": body, "count": 1})
    answer = api.send()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert mails(sandbox) == 1


def test_a_fault_can_be_limited_to_some_requests(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, status={"status": 500, "only": ["POST /emails"]})
    assert api("GET", "/domains").status_code == 200
    assert api.send().status_code == 500


def test_dropped_webhooks_are_never_posted_but_can_be_replayed(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    switch_on(sandbox, webhook_drop={"only": ["email.sent"]})
    api.send()
    assert receiver.types(1) == ["email.delivered"]
    dropped = sandbox.control("GET", "/resend/webhooks?type=email.sent")["webhooks"][0]
    assert (dropped["state"], dropped["attempts"]) == ("dropped", [])
    sandbox.control("POST", f"/resend/webhooks/{dropped['id']}/replay")
    assert receiver.types(2)[-1] == "email.sent"


def test_duplicates_carry_the_same_id(api: Api, sandbox: SandboxServer, receiver: Receiver) -> None:
    switch_on(sandbox, webhook_duplicate={"copies": 3, "only": ["email.sent"]})
    api.send()
    hooks = receiver.wait_for(lambda hooks: len(hooks) >= 4)
    assert len({hook.id for hook in hooks if hook.type == "email.sent"}) == 1


def test_shuffled_webhooks_arrive_last_one_first(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    switch_on(sandbox, webhook_reorder={"seconds": 1.5})
    api.send()
    assert receiver.types(2) == ["email.delivered", "email.sent"]


def test_late_webhooks_arrive_late(api: Api, sandbox: SandboxServer, receiver: Receiver) -> None:
    switch_on(sandbox, webhook_delay={"seconds": 0.5})
    started = time.monotonic()
    api.send()
    assert receiver.types(2) == ["email.sent", "email.delivered"]
    assert time.monotonic() - started > 0.5


def test_held_webhooks_are_let_go_in_order(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    switch_on(sandbox, webhook_hold={})
    api.send()
    eventually(lambda: sandbox.control("GET", "/resend")["webhooks_waiting"] == 2)
    assert receiver.hooks == []
    sandbox.control("DELETE", "/resend/faults")
    assert receiver.types(2) == ["email.sent", "email.delivered"]


def test_a_forged_copy_comes_first_and_does_not_verify(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    switch_on(sandbox, webhook_forge={"only": ["email.sent"]})
    api.send()
    forged, genuine, _ = receiver.wait_for(lambda hooks: len(hooks) >= 3)
    assert (forged.id, forged.body) == (genuine.id, genuine.body)
    verify(genuine)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(forged)


def test_a_wrong_clock_makes_the_timestamp_stale(
    api: Api, sandbox: SandboxServer, receiver: Receiver
) -> None:
    switch_on(sandbox, webhook_clock_skew={"seconds": -600})
    api.send()
    hook: Hook = receiver.wait_for(bool)[0]
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="too old"):
        verify(hook)


def test_faults_add_up(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, latency={"seconds": 0.3}, status={"status": 500, "mode": "after"})
    started = time.monotonic()
    assert api.send().status_code == 500
    assert time.monotonic() - started >= 0.3
    logged = sandbox.control("GET", "/resend/requests")["requests"][0]
    assert logged["faults"] == ["latency", "status"]


MAIL = {
    "from": "hello@rosewood.example",
    "to": "amelia@example.com",
    "subject": "Your viewing",
    "text": "See you.",
}


def test_many_at_once_with_one_key_send_one_mail(api: Api, sandbox: SandboxServer) -> None:
    switch_on(sandbox, latency={"seconds": 0.2, "count": 1})
    barrier = threading.Barrier(6)

    def send(_: int) -> int:
        barrier.wait()
        return api.send(key="k1").status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(send, range(6)))
    assert set(statuses) <= {200, 409}
    assert mails(sandbox) == 1
