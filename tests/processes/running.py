"""Real processes of ours, and their descendants, as a test sees them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from django.conf import settings

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


class Running:
    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*MANAGE, *arguments],
                env=env,
                cwd=settings.BASE_DIR,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.known: dict[int, psutil.Process] = {}

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text()

    def descendants(self) -> list[psutil.Process]:
        """Those that live now, or were seen here before and live on."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid).children(recursive=True)
            self.known |= {process.pid: process for process in found}
        return [process for process in self.known.values() if lives(process)]

    def end(self) -> None:
        self.descendants()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        for process in self.descendants():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()
        self.process.wait()


@contextmanager
def running(arguments: list[str], env: dict[str, str], log: Path) -> Iterator[Running]:
    """Whatever happens in the block, neither the process nor a descendant is left behind."""
    process = Running(arguments, env, log)
    try:
        yield process
    finally:
        process.end()


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], object], seconds: float = 60) -> float:
    """Waits until it holds; returns how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} seconds: {condition}")
        time.sleep(0.05)
    return time.monotonic() - began
