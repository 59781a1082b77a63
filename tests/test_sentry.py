"""SENTRY_DSN reports errors without what people wrote; without the extra nothing starts."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from wedsync_comms.lib.reporting.sentry import start_sentry

ROOT = Path(__file__).parent.parent
# An error in the midst of a request, and one that was logged.
BREAKS = """
import django, structlog
django.setup()
from django.test import Client
from django.urls import path
from django.conf import settings
def breaks(request):
    secret = request.POST["body"]
    raise ValueError("too much")
settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [path("breaks", breaks)]})
client = Client(raise_request_exception=False)
client.cookies["sessionid"] = "of-amelia"
private = {"HTTP_AUTHORIZATION": "Token of-amelia", "REMOTE_ADDR": "203.0.113.77"}
answer = client.post("/breaks", {"body": "Dear Amelia"}, **private)
assert answer.status_code == 500
structlog.get_logger("dispatcher").error("tick_failed")
import sentry_sdk
sentry_sdk.flush(10)
"""


@contextmanager
def sentry() -> Iterator[tuple[str, list[str]]]:
    """A server that takes what a client of Sentry posts; its DSN, and what came."""
    taken: list[str] = []

    class Ingest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            taken.append((gzip.decompress(body) if is_packed else body).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Ingest) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://key@127.0.0.1:{server.server_port}/1", taken
        server.shutdown()


def test_errors_are_reported_without_what_was_posted() -> None:
    pytest.importorskip("sentry_sdk")
    with sentry() as (dsn, taken):
        done = subprocess.run(
            [sys.executable, "-c", BREAKS],
            cwd=ROOT,
            env={
                **os.environ,
                "SENTRY_DSN": dsn,
                "DJANGO_SETTINGS_MODULE": "wedsync_comms.settings",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    reported = "\n".join(taken)
    assert "ValueError" in reported
    assert "too much" in reported
    assert "tick_failed" in reported
    for private in ("Dear Amelia", "of-amelia", "203.0.113.77"):
        assert private not in reported


def test_without_the_extra_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured, match=r"install requirements-sentry\.lock"):
        start_sentry("https://key@sentry.example/1")


def test_what_is_no_address_is_said() -> None:
    pytest.importorskip("sentry_sdk")
    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN is no address"):
        start_sentry("nowhere")
