"""An endpoint that keeps what is posted to it."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]


@dataclass(frozen=True)
class Hook:
    headers: dict[str, str]
    body: bytes
    # What was asked for, with its query.
    path: str = "/"

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def event(self) -> Json:
        event: Json = json.loads(self.body)
        return event

    @property
    def type(self) -> str:
        return str(self.event["type"])

    @property
    def id(self) -> str:
        return self.headers["svix-id"]


class Receiver:
    """An endpoint for webhooks. ``answers`` are its next ones; after them it answers 204."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.answers: list[int | tuple[str, str]] = []
        # How long the next ones take.
        self.pauses: list[float] = []
        # What a GET is answered, from its query.
        self.handshake: Callable[[dict[str, str]], tuple[int, str]] = lambda _: (405, "")
        # What Graph's question is answered, from its token: a kind of contents and a text.
        self.validation: Callable[[str], tuple[str, str]] = lambda token: ("text/plain", token)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait_for(self, wanted: Callable[[list[Hook]], bool], seconds: float = 30.0) -> list[Hook]:
        deadline = time.monotonic() + seconds
        while not wanted(self.hooks):
            assert time.monotonic() < deadline, [hook.body[:300] for hook in self.hooks]
            time.sleep(0.01)
        return self.hooks

    def types(self, count: int) -> list[str]:
        return [hook.type for hook in self.wait_for(lambda hooks: len(hooks) >= count)]

    def receive(self, hook: Hook) -> tuple[int, str, str]:
        """Keeps it; Graph's question is answered and not kept."""
        if token := dict(parse_qsl(hook.path.partition("?")[2])).get("validationToken"):
            return 200, *self.validation(token)
        self.hooks.append(hook)
        time.sleep(self.pauses.pop(0) if self.pauses else 0)
        answer = self.answers.pop(0) if self.answers else 204
        return (answer, "text/html", "") if isinstance(answer, int) else (200, *answer)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An idle connection must not keep its thread for ever.
            timeout = 5

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.answer(*receiver.receive(Hook(headers, body, self.path)))

            def do_GET(self) -> None:
                query = dict(parse_qsl(self.path.partition("?")[2]))
                status, text = receiver.handshake(query)
                self.answer(status, "text/plain", text)

            def answer(self, status: int, content_type: str, text: str) -> None:
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None: ...

        return Handler
