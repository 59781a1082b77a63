"""The newest release's processes run beside ours, on our schema, while messages flow."""

import re
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from tests.chaos.conftest import Survived
from tests.chaos.installation import (
    Installation,
    installation,
    newest_release,
    sent_mails,
    titles_in_google,
)
from tests.chaos.killing import WEBHOOK
from tests.chaos.survival import survival
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer, free_port

WAITING, ROUNDS = 100, 40
PATIENCE = 240


class Traffic:
    """What the world does meanwhile: each round meets the processes of another release."""

    def __init__(self, sandbox: SandboxServer, token: str, ports: tuple[int, ...]) -> None:
        self.sandbox, self.ports = sandbox, ports
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"
        self.composed: list[str] = []
        self.booked: list[str] = []
        self.day = datetime.now(UTC) + timedelta(days=60)

    def answers(self) -> bool:
        return all(self.is_alive(port) for port in self.ports)

    def is_alive(self, port: int) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).ok
        except requests.ConnectionError:
            return False

    def post(self, number: int, path: str, body: dict[str, Any]) -> Any:
        port = self.ports[number % len(self.ports)]
        answer = self.session.post(f"http://127.0.0.1:{port}/api/{path}/", json=body, timeout=30)
        assert answer.status_code == 201, (port, answer.text)
        return answer.json()

    def round(self, number: int) -> None:
        """A message and a mail from somebody; webhooks come to the other release from here on."""
        other = self.ports[(number + 1) % len(self.ports)]
        url = f"http://127.0.0.1:{other}{WEBHOOK}"
        self.sandbox.control("PATCH", "/resend", {"webhook_url": url})
        body = {"channel": "email", "subject": "Your day", "body": "See you soon."}
        to = f"guest-{number}@example.com"
        self.composed.append(self.post(number, "messages", {**body, "to": to})["id"])
        mail = {"from": to, "to": ["hello@everafter.example"], "subject": "Re", "text": f"{number}"}
        self.sandbox.control("POST", "/resend/inbound", mail)
        if number % 10 < len(self.ports):
            self.book(number)

    def book(self, number: int) -> None:
        start = self.day.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=number)
        booked = {
            "title": f"Fitting {number}",
            "start": start.strftime("%Y-%m-%dT%H:%M:%S"),
            "end": (start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"),
            "zone": "Europe/London",
        }
        self.booked.append(self.post(number, "appointments", booked)["title"])


def errors_in(installed: Installation, *codes: Path) -> list[str]:
    """What any of the processes logged as an error."""
    logs = [installed.log(code, name) for code in codes for name in ("web", "dispatcher", "worker")]
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [line for line in lines if re.search(r'"level": "(error|critical)"|Traceback', line)]


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_the_newest_release_goes_on_beside_this_one_and_nothing_is_lost(
    process_env: dict[str, str],
    tmp_path: Path,
    survived: Survived,
) -> None:
    here, previous = settings.BASE_DIR, newest_release(tmp_path)
    with installation(process_env, tmp_path) as (installed, sandbox):
        installed.manage(previous, "migrate", "--verbosity", "0")
        filled = installed.fill(previous, WAITING, 0, 0)
        traffic = Traffic(sandbox, filled["token"], (installed.port, free_port()))
        running = installed.processes(previous, with_worker=True)
        try:
            eventually(lambda: sent_mails(sandbox) > 0, PATIENCE)
            installed.manage(here, "migrate", "--verbosity", "0")
            running += installed.processes(here, with_worker=True, port=traffic.ports[1])
            eventually(traffic.answers, PATIENCE)
            for number in range(ROUNDS):
                traffic.round(number)
            eventually(partial(installed.is_settled, here), PATIENCE)
            eventually(lambda: len(titles_in_google(sandbox)) >= len(traffic.booked), PATIENCE)
            eventually(lambda: not installed.standing(here)["tasks"], PATIENCE)
        finally:
            for process in running:
                process.end()
        after = installed.standing(here)
        times_sent = sandbox.control("GET", "/resend/stats?tag=message")["tags"]
        titles = titles_in_google(sandbox)
        errors = errors_in(installed, previous, here)

    composed = [*filled["messages"], *traffic.composed]
    sys.stdout.write(f"\n{len(composed)} messages, {len(titles)} appointments: {after}\n")
    waiting = len(composed) + ROUNDS - after["messages"].get("delivered", 0)
    survived(survival("two releases side by side", 1, composed, times_sent, stuck=waiting))
    assert set(composed) == set(times_sent), "lost"
    assert set(times_sent.values()) == {1}, "sent twice"
    assert after["messages"] == {"delivered": len(composed) + ROUNDS}, "stuck, or not received"
    assert titles == sorted(traffic.booked)
    assert after["failed_tasks"] == []
    assert errors == []
