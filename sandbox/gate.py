"""body cap -> faults -> provider -> log: the way of every request to a provider."""

import asyncio
import time
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .lib.faults import Faults, Json
from .lib.state import Ledger, RequestLog, SeenRequest
from .lib.times import iso, now

# Resend takes 40 MB; the others take less.
MAX_BODY = 40 * 1024 * 1024


class Answers(Protocol):
    """What a provider's folder brings along to stand behind a gate."""

    slug: str
    faults: Faults
    requests: RequestLog
    ledger: Ledger

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        """Does the work, taking ``work`` seconds over it."""

    def refusal(self, status: int, name: str) -> Response:
        """Returns an error as the provider words it; an empty name means the usual one."""

    def too_many(self, retry_after: int) -> Response: ...

    def too_large(self) -> Response: ...


class HangUp(Response):
    """Cuts the connection instead of answering."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        transport = scope.get("extensions", {}).get("transport")
        if transport is None:
            raise ConnectionAbortedError("This server cannot cut connections.")
        transport.abort()
        # The server would complain about a missing answer if it did not know of the cut yet.
        while (await receive())["type"] != "http.disconnect":
            continue


class Gate:
    """The ASGI application in front of one provider."""

    def __init__(self, provider: Answers) -> None:
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = time.monotonic()
        struck: list[str] = []
        try:
            response = await self._respond(request, struck)
        except ClientDisconnect:
            # It died before it had said what it wanted.
            return
        self._log(request, response, time.monotonic() - started, struck)
        await response(scope, receive, send)

    async def _respond(self, request: Request, struck: list[str]) -> Response:
        body = await read_body(request)
        if body is None:
            return self._provider.too_large()
        drawn = _Drawn(self._provider.faults, request, struck)
        if refused := self._before(drawn):
            return refused
        slow = drawn.draw("latency") or {}
        response = await self._provider.answer(request, body, work=slow.get("seconds", 0.0))
        return await self._after(drawn, response)

    def _before(self, drawn: "_Drawn") -> Response | None:
        if drawn.draw("drop_connection", mode="before"):
            return HangUp()
        # Some providers' has no options, and is on all the same.
        if (fault := drawn.draw("rate_limit")) is not None:
            return self._provider.too_many(fault.get("retry_after", 1))
        if fault := drawn.draw("status", mode="before"):
            return self._provider.refusal(fault["status"], fault["name"])
        return None

    async def _after(self, drawn: "_Drawn", response: Response) -> Response:
        if fault := drawn.draw("hang"):
            await asyncio.sleep(fault["seconds"])
        if drawn.draw("drop_connection", mode="after"):
            return HangUp()
        if fault := drawn.draw("status", mode="after"):
            return self._provider.refusal(fault["status"], fault["name"])
        if fault := drawn.draw("bad_body"):
            broken = b'{"id": "' if fault["body"] == "broken" else b""
            return Response(broken, media_type="application/json")
        return response

    def _log(self, request: Request, response: Response, seconds: float, struck: list[str]) -> None:
        self._provider.ledger.count("requests")
        self._provider.requests.add(
            SeenRequest(
                at=iso(now()),
                method=request.method,
                path=_path(request),
                idempotency_key=request.headers.get("idempotency-key"),
                status=None if isinstance(response, HangUp) else response.status_code,
                milliseconds=round(seconds * 1000, 1),
                faults=tuple(struck),
            )
        )


class _Drawn:
    """Draws faults for one request and notes which of them struck."""

    def __init__(self, faults: Faults, request: Request, struck: list[str]) -> None:
        self._faults = faults
        self._subject = f"{request.method} {_path(request)}"
        self._struck = struck

    def draw(self, name: str, *, mode: str | None = None) -> Json | None:
        active = self._faults.active(name, self._subject)
        if active is None or (mode and active["mode"] != mode):
            return None
        fault = self._faults.draw(name, self._subject)
        if fault is not None:
            self._struck.append(name)
        return fault


def _path(request: Request) -> str:
    """Below the provider's own address, as in the provider's documents."""
    path: Any = request.scope["path"]
    return str(path).removeprefix(request.scope.get("root_path", "")) or "/"


async def read_body(request: Request, cap: int = MAX_BODY) -> bytes | None:
    """Reads the body; None if it is larger than ``cap``, and then the rest is not kept."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= cap:
            chunks.append(chunk)
    return b"".join(chunks) if size <= cap else None
