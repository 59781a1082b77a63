"""`manage.py run` (`make run`): everything on this machine, with stand-ins for the rest."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from honcho.manager import Manager
from honcho.printer import Message, Printer

from wedsync_comms.embedded import (
    Handout,
    UnusablePort,
    Variables,
    check_ports,
    credentials,
    is_sandbox_installed,
    missing_variables,
    unconfigured,
)

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


class Command(BaseCommand):
    help = "Starts live, dispatcher, worker and the provider sandbox; Ctrl-C stops all of it."
    requires_system_checks = []
    stopping = False
    state = Path()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--handout",
            type=Path,
            default=settings.VAR_DIR / "run.env",
            metavar="FILE",
            help="where other commands find the settings that were made up, while this runs; "
            "what the sandbox keeps for the next start is beside it",
        )

    def handle(self, **options: Any) -> None:
        handout = Handout(options["handout"])
        given = handout.without_leftovers(os.environ)
        if (missing := unconfigured(given)) and not is_sandbox_installed():
            raise CommandError(
                "The sandbox is not installed, so nothing stands in for a provider without "
                f"settings: set {', '.join(missing)}, or install requirements-run.lock."
            )
        stand_ins = Handout(handout.path.with_name("stand-ins.env"))
        made_up = missing_variables(given, stand_ins.read())
        variables = given | made_up
        try:
            check_ports(variables)
        except UnusablePort as error:
            raise CommandError(str(error)) from error
        # Until the stack takes over. Only a note: an exception could come between the start of a
        # process and our knowing of it, and leave it behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)
        # With DEBUG, which may come from the command that called us, other commands can follow.
        handout.write(made_up | ({"DEBUG": "on"} if settings.DEBUG else {}))
        stand_ins.write(credentials(made_up))
        self.state = handout.path.with_name("sandbox.sqlite3")
        try:
            self.prepare(variables)
            self.start(variables)
        finally:
            handout.remove()

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def prepare(self, variables: Variables) -> None:
        steps = [["migrate", "--verbosity", "0"]]
        steps += [["seed_demo"]] if settings.DEBUG else [["collectstatic", "--noinput", "-v", "0"]]
        for step in steps:
            if self.stopping:
                return
            # A session of its own: Ctrl-C reaches only us, and we stop it without its traceback.
            words = [*MANAGE, *step]
            with subprocess.Popen(words, env=variables, start_new_session=True) as process:  # noqa: S603 - our own words
                while process.poll() is None and not self.stopping:
                    time.sleep(0.05)
                process.kill()
            if process.returncode and not self.stopping:
                raise CommandError(f"manage.py {step[0]} failed; nothing was started.")

    def start(self, variables: Variables) -> None:
        if self.stopping:
            self.stderr.write("stopped before everything was started")
            return
        stack = Stack(variables, self.state, lambda: self.stopping)
        stack.loop()
        if stack.culprits:
            raise CommandError(f"{' and '.join(stack.culprits)}; the others were stopped.")
        self.stderr.write("stopped")


class Stack(Manager):
    def __init__(
        self, variables: Variables, state: Path, stopped_before: Callable[[], bool]
    ) -> None:
        super().__init__(Output(sys.stdout))
        self.variables = variables
        self.stopped_before = stopped_before
        self.culprits: list[str] = []
        self.hasty = False
        for name, words in commands(variables, state).items():
            # exec: no shell stays between honcho's signals and the process.
            self.add_process(name, f"exec {shlex.join(words)}", env=variables)

    def loop(self) -> None:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        super().loop()

    def _start(self) -> None:
        # By now honcho listens to signals, and this is the last look at what came earlier.
        self.hasty = self.hasty or self.stopped_before()
        super()._start()
        # Only now: a thread must not be running while honcho forks.
        threading.Thread(target=announce, args=(self.variables,), daemon=True).start()

    def _all_started(self) -> bool:
        started = bool(super()._all_started())
        if started and self.hasty:
            self.hasty = False
            self.terminate()
        return started

    def terminate(self) -> None:
        """Also called by signals, that may come before honcho knows whom to pass them to."""
        if not super()._all_started():
            self.hasty = True
            return
        if self.returncode not in {130, 143}:  # honcho's for Ctrl-C and SIGTERM
            self.culprits = [
                f"{name} ended with code {process['returncode']}"
                for name, process in self._processes.items()
                if "returncode" in process
            ]
        super().terminate()


class Output(Printer):
    """A terminal that was closed is no reason to leave processes behind."""

    def write(self, message: Message) -> None:
        with suppress(OSError):
            super().write(message)


def commands(variables: Variables, state: Path) -> dict[str, list[str]]:
    port, sandbox_port = variables["PORT"], variables["SANDBOX_PORT"]
    sandbox = [*MANAGE, "sandbox", "--port", sandbox_port, "--state", str(state)]
    listen = ["--host", "127.0.0.1", "--port", port]
    quiet = ["--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "2"]
    application = "wedsync_comms.asgi:application"
    return {
        "live": [sys.executable, "-m", "uvicorn", application, *listen, *quiet],
        "dispatcher": [*MANAGE, "dispatcher"],
        # honcho kills what has not ended five seconds after the first one did.
        "worker": [*MANAGE, "worker", "--grace", "3"],
        **({"sandbox": sandbox} if is_sandbox_installed() else {}),
    }


def announce(variables: Variables) -> None:
    """Waits until everything answers, then says so; says what is missing if it takes long."""
    live = f"http://127.0.0.1:{variables['PORT']}"
    sandbox = f"http://127.0.0.1:{variables['SANDBOX_PORT']}"
    # One after the other: asking whether all is ready before it can be is answered by an error.
    first = [f"{sandbox}/"] if is_sandbox_installed() else []
    for url in (*first, f"{live}/health/live", f"{live}/health/ready"):
        wait_for(url)
    say(welcome(variables, live, sandbox))


def wait_for(url: str) -> None:
    patience = time.monotonic() + 30
    while not answers(url):
        if time.monotonic() > patience:
            patience = time.monotonic() + 30
            say(f"Still waiting for {url}")
        time.sleep(0.5)


def answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # a proxy is of no use on the way to ourselves
        try:
            return session.get(url, timeout=5).ok
        except requests.RequestException:
            return False


def welcome(variables: Variables, live: str, sandbox: str) -> str:
    lines = [
        "WedSync Communications is running. Ctrl-C stops it.",
        "",
        f"  Overview    {live}/",
        f"  Admin       {live}/admin/",
        f"  API docs    {live}/api/docs/",
    ]
    if is_sandbox_installed():
        lines += [f"  Sandbox     {sandbox}/"]
    if settings.DEBUG:
        lines += ["  Login       demo / demo", f"  API token   {variables['DEMO_API_TOKEN']}"]
    return "\n".join(lines)


def say(text: str) -> None:
    with suppress(OSError):
        print(f"\n{text}\n", flush=True)  # noqa: T201 - beside honcho's lines, without a prefix
