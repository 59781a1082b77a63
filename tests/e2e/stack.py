"""The whole system as `make run` starts it, on ports and a database of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests

from tests.sandbox_server import free_port
from wedsync_comms.embedded import Handout

ROOT = Path(__file__).parent.parent.parent
TOKEN = "0123456789abcdef0123456789abcdef01234567"
READY_WITHIN = 150.0
# Whatever the machine is configured for, this is SQLite, no Redis, and the sandbox.
BLANK = (
    "REDIS_URL",
    "PUBLIC_URL",
    "RESEND_API_KEY",
    "RESEND_API_URL",
    "RESEND_WEBHOOK_SECRET",
    "TWILIO_ACCOUNT_SID",
    "GOOGLE_CLIENT_ID",
    "MICROSOFT_CLIENT_ID",
    "WHATSAPP_ACCESS_TOKEN",
)
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class Stack:
    """`with Stack(folder) as stack:`; the demo organization is in it, and no message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.log = folder / "stack.log"
        self.session = requests.Session()
        # A proxy is of no use on the way to ourselves.
        self.session.trust_env = False
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return (
            kept
            | dict.fromkeys(BLANK, "")
            | {
                "DEBUG": "on",
                "LOG_LEVEL": "WARNING",
                "PORT": str(self.port),
                "SANDBOX_PORT": str(self.sandbox_port),
                "DATABASE_URL": f"sqlite:///{self.folder / 'e2e.sqlite3'}",
                "DEMO_API_TOKEN": TOKEN,
            }
        )

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # our own command
                [sys.executable, "manage.py", "run", "--handout", str(self.folder / "run.env")],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.session.close()
        process = self.process
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        # What it did not take along, if anything, is in its own session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"The stack has ended:\n{self.log.read_text()[-4_000:]}")
            if self.answers(f"{self.url}/health/ready") and self.answers(self.sandbox_url):
                return
            time.sleep(0.2)
        raise TimeoutError(f"The stack is not ready:\n{self.log.read_text()[-4_000:]}")

    def answers(self, url: str) -> bool:
        try:
            return self.session.get(url, timeout=5).ok
        except requests.RequestException:
            return False

    def api(self, method: str, path: str, body: Any = None, *, token: str = TOKEN) -> Any:
        """`api("GET", "/messages/")` as the demo organization."""
        headers = {"Authorization": f"Token {token}"}
        url = f"{self.url}/api{path}"
        response = self.session.request(method, url, json=body, headers=headers, timeout=30)
        response.raise_for_status()
        return response.json() if response.content else None

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """`sandbox("PUT", "/resend/faults", {…})`, the control API of the provider sandbox."""
        url = f"{self.sandbox_url}/control{path}"
        response = self.session.request(method, url, json=body, timeout=30)
        response.raise_for_status()
        return response.json() if response.content else None

    def send(self, to: str, subject: str, *, token: str = TOKEN, **more: Any) -> Any:
        body = {"channel": "email", "to": to, "subject": subject, "body": "Hello.", **more}
        return self.api("POST", "/messages/", body, token=token)

    def mail(self, to: str, subject: str) -> Any:
        """The mail as the provider has it, once it does."""
        return eventually(lambda: self._mail(to, subject), f"the mail “{subject}” to {to}")

    def _mail(self, to: str, subject: str) -> Any:
        found = self.sandbox("GET", f"/resend/emails?to={to}")["emails"]
        return next((mail for mail in found if mail["subject"] == subject), None)

    def writes(self, channel: str, number: str, text: str) -> None:
        """Somebody writes to us from their phone, by SMS or WhatsApp."""
        carrier = "twilio" if channel == "sms" else channel
        field: Any = {"body": text} if channel == "sms" else {"text": {"body": text}}
        self.sandbox("POST", f"/{carrier}/inbound", {"from": number, **field})

    def arrived(self, number: str) -> list[str]:
        """The texts of the SMS that reached a phone, newest first."""
        found = self.sandbox("GET", f"/twilio/messages?to={quote(number)}")["messages"]
        return [row["body"] for row in found if row["direction"] != "inbound"]

    def happens(self, mail: Any, event: str, **details: Any) -> None:
        body = {"type": event, "details": details}
        self.sandbox("POST", f"/resend/emails/{mail['id']}/events", body)

    def python(self, code: str) -> str:
        """Runs it inside Django, in a process of its own; returns what it prints."""
        made_up = Handout(self.folder / "run.env").read()
        done = subprocess.run(  # our own words
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env=self.environment | made_up,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


def eventually(look: Any, what: str, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds} seconds")
