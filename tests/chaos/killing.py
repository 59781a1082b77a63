"""Processes are killed while they send and receive; afterwards somebody counts."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from communications.models import Message, Organization, WebhookDelivery
from tests import factories
from tests.communications.engine import rows
from tests.environment import SECRET
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer, free_port

WEBHOOK = "/api/webhooks/communications/resend"
# Seconds; on a machine of its own it takes a quarter of that.
PATIENCE = 240
FINAL = {"delivered", "bounced", "failed"}
# The answers are late, some of them are lost, some requests never get through.
WEATHER = {
    "latency": {"seconds": 0.25},
    "drop_connection": {"mode": "after", "chance": 0.05},
    "status": {"status": 503, "mode": "after", "chance": 0.05},
    "webhook_duplicate": {"copies": 2, "chance": 0.1},
}


@dataclass(frozen=True)
class Count:
    """What became of the messages."""

    lost: int
    duplicated: int
    stuck: int
    kills: int
    seconds: float
    # Where those that are stuck are to be looked for.
    whereabouts: str = ""

    def __str__(self) -> str:
        return (
            f"lost {self.lost} / duplicated {self.duplicated} / stuck {self.stuck} "
            f"after {self.kills} kills, in {self.seconds:.0f} s on {connection.vendor}"
            f"{self.whereabouts}"
        )


class Victim:
    """A process that is killed without a word and started again."""

    def __init__(
        self,
        command: Sequence[str],
        env: dict[str, str],
        log: Path,
        folder: Path = settings.BASE_DIR,
    ) -> None:
        self.command, self.env, self.log, self.folder = command, env, log, folder
        self.kills = 0
        self.process = self._started()

    def kill(self) -> None:
        """With whatever it started: nothing of it is left to clean up."""
        assert self.process.poll() is None, self.log.read_text()
        self.end(signal.SIGKILL)
        self.kills += 1
        self.process = self._started()

    def end(self, number: int = signal.SIGTERM) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


class Scene:
    def __init__(self, sandbox: SandboxServer, dispatcher: Victim, web: Victim, port: int) -> None:
        self.sandbox, self.dispatcher, self.web, self.port = sandbox, dispatcher, web, port

    def mails(self) -> int:
        found: int = self.sandbox.control("GET", "/")["resend"]["counters"].get("mails", 0)
        return found

    def has_sent(self, count: int) -> bool:
        return self.mails() >= count

    def is_answering(self) -> bool:
        """The web process, which has just been started."""
        with suppress(OSError):
            asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            asked.request("GET", "/health/live")
            asked.getresponse().read()
            asked.close()
            return True
        return False


@contextmanager
def scene(env: dict[str, str], folder: Path) -> Iterator[Scene]:
    port = free_port()
    with SandboxServer(
        resend_api_key="re_chaos",
        resend_webhook_url=f"http://127.0.0.1:{port}{WEBHOOK}",
        resend_webhook_secret=SECRET,
        # What found nobody is posted again after 0.03, 1.5 and 9 seconds.
        retry_factor=0.005,
    ) as sandbox:
        sandbox.control("PUT", "/resend/faults", WEATHER)
        env = {
            **env,
            "RESEND_API_KEY": "re_chaos",
            "RESEND_API_URL": f"{sandbox.url}/resend",
            "RESEND_WEBHOOK_SECRET": SECRET,
            "RESEND_RATE_PER_SECOND": "100000",
            "LEASE_SECONDS": "3",
        }
        manage = [sys.executable, "manage.py", "dispatcher", "--threads", "8"]
        server = [sys.executable, "-m", "uvicorn", "--port", str(port), "--no-access-log"]
        dispatcher = Victim(manage, env, folder / "dispatcher.log")
        web = Victim([*server, "wedsync_comms.asgi:application"], env, folder / "web.log")
        found = Scene(sandbox, dispatcher, web, port)
        try:
            eventually(found.is_answering)
            yield found
        finally:
            for victim in (dispatcher, web):
                victim.end()


class Composer(threading.Thread):
    """Writes messages while the others send, so that a kill finds all stages of a life."""

    def __init__(self, organization: Organization, count: int) -> None:
        super().__init__()
        self.organization, self.count = organization, count
        self.composed: list[str] = []

    def run(self) -> None:
        try:
            while len(self.composed) < self.count:
                made = rows.outbox(self.organization, 10)
                self.composed += [str(message.pk) for message in made]
                time.sleep(0.1)
        finally:
            connection.close()


@contextmanager
def composing(messages: int) -> Iterator[Composer]:
    composer = Composer(factories.organization(), messages)
    composer.start()
    try:
        yield composer
    finally:
        composer.join()


def kill_while_sending(env: dict[str, str], folder: Path, *, messages: int, kills: int) -> Count:
    """`kills` of the dispatcher and of the web process in turn, spread over the sending."""
    began = time.monotonic()
    with scene(env, folder) as found, composing(messages) as composer:
        for number in range(1, kills + 1):
            eventually(partial(found.has_sent, messages * number // (kills + 1)), PATIENCE)
            (found.web if number % 2 == 0 else found.dispatcher).kill()
        composer.join()
        with suppress(AssertionError):  # what never ends is counted
            eventually(lambda: not unfinished(), PATIENCE)
        stats = found.sandbox.control("GET", "/resend/stats?tag=message")
        killed = found.dispatcher.kills + found.web.kills
        where = whereabouts(found) if unfinished() else ""
    return count(composer.composed, stats["tags"], kills=killed, began=began, where=where)


def unfinished() -> int:
    return Message.objects.exclude(status__in=FINAL).count()


def whereabouts(found: Scene) -> str:
    statuses = Counter(Message.objects.values_list("status", flat=True))
    unapplied = WebhookDelivery.objects.unapplied().count()
    sandbox = found.sandbox.control("GET", "/")["resend"]
    posting = {"waiting": sandbox["webhooks_waiting"], **sandbox["counters"]}
    return f"; {dict(statuses)}, {unapplied} deliveries not applied, sandbox: {posting}"


def count(
    composed: list[str],
    mails: dict[str, Any],
    *,
    kills: int,
    began: float,
    where: str,
) -> Count:
    return Count(
        lost=len(set(composed) - set(mails)),
        duplicated=sum(times - 1 for times in mails.values()),
        stuck=unfinished(),
        kills=kills,
        seconds=time.monotonic() - began,
        whereabouts=where,
    )
