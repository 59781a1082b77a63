"""A provider sandbox in a process of its own, for whichever test needs a vendor's server."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).parent.parent
READY_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class SandboxServer:
    """``with SandboxServer(resend_webhook_url=…) as sandbox:``; the options are the command's."""

    def __init__(self, **options: str | float | Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = {"rate_per_second": 100_000, "receipt_delay": 0.05, **options}
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "sandbox", "--port", str(self.port)]
        for name, value in self._options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        self._wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._session.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def restart(self, *, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Under the same address, as after Ctrl-C or after a crash."""
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(timeout=10)
        self.__enter__()

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """``control("PUT", "/resend/faults", {…})``: the decoded answer, None if there is none."""
        response = self._session.request(method, f"{self.url}/control{path}", json=json, timeout=30)
        response.raise_for_status()
        return response.json() if response.content else None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            try:
                self.control("GET", "/")
            except requests.ConnectionError:
                self._check_alive()
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise TimeoutError("The sandbox did not start.")

    def _check_alive(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("The sandbox has ended while starting; see its output above.")
