"""The other side of the wire, as lean as it gets: it runs on the cores it measures."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Self

from sandbox.webhooks.signing import svix_headers
from tests.benchmarks.stack import SECRET

PATH = "/api/webhooks/communications/resend"
OK = b"HTTP/1.1 200"
# RFC 6455, 5.2: the bytes before the payload, and the length that says it follows.
SHORT, LONG, EXTENDED = 2, 4, 126
CLOSE, PING, PONG = 0x88, 0x89, 0x8A


def delivered(event_id: str, *, provider_id: str) -> bytes:
    """A whole request: Resend reports the delivery of a mail, signed by Svix."""
    data = {
        "email_id": provider_id,
        "created_at": "2026-11-20T09:15:40.120Z",
        "from": "Ever After <hello@everafter.example>",
        "to": ["guest@example.com"],
        "subject": "Your day",
    }
    event = {"type": "email.delivered", "created_at": "2026-11-20T09:15:42.678Z", "data": data}
    body = json.dumps(event).encode()
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **svix_headers(secret=SECRET, event_id=event_id, timestamp=int(time.time()), body=body),
    }
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Poster:
    """A persistent connection for one request after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connected(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, request: bytes) -> None:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(length(head))
        if not head.startswith(OK):
            raise RuntimeError(f"The webhook was not taken: {head!r}")

    def close(self) -> None:
        self.writer.close()


def length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


class Browser(asyncio.Protocol):
    """A WebSocket that keeps what it gets: the time, and the text of the frame.

    Written out because parsing 200 times 1,000 frames with a library would be what is measured.
    """

    def __init__(self, token: str, since: int | None = None) -> None:
        query = "" if since is None else f"?since={since}"
        self.handshake = "\r\n".join(
            [
                f"GET /ws/status/{query} HTTP/1.1",
                "Host: 127.0.0.1",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                f"Authorization: Token {token}",
                "",
                "",
            ],
        ).encode()
        self.frames: list[tuple[float, bytes]] = []
        self.buffer = b""
        self.is_open = False
        self.lost = asyncio.Event()
        self.ready = asyncio.Event()
        self.came = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.handshake)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.buffer += data
        if not self.is_open:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                raise RuntimeError(f"The handshake was refused: {head!r}")
            self.is_open, self.buffer = True, rest
        self.take_frames(now)

    def take_frames(self, now: float) -> None:
        """Servers mask nothing, and our frames are texts of less than 64 kB."""
        buffer, at = self.buffer, 0
        while len(buffer) - at >= SHORT:
            start, size = at + SHORT, buffer[at + 1]
            if size == EXTENDED:
                start, size = at + LONG, int.from_bytes(buffer[at + SHORT : at + LONG], "big")
            if len(buffer) < start + size:
                break
            self.take(now, buffer[at], buffer[start : start + size])
            at = start + size
        self.buffer = buffer[at:]

    def take(self, now: float, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self.answer(CLOSE, b"")
            self.transport.close()
        elif opcode == PING:
            self.answer(PONG, payload)
        elif payload.startswith(b'{"type": "status"'):
            self.frames.append((now, payload))
            self.came.set()
        elif payload.startswith(b'{"type": "ready"'):
            self.ready.set()

    def answer(self, opcode: int, payload: bytes) -> None:
        # Clients have to mask; with zeros, it changes nothing.
        self.transport.write(bytes([opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()


async def browser(port: int, token: str, since: int | None = None) -> Browser:
    """A WebSocket that has caught up and is live."""
    loop = asyncio.get_running_loop()
    _, found = await loop.create_connection(lambda: Browser(token, since), "127.0.0.1", port)
    await asyncio.wait_for(found.ready.wait(), 60)
    return found
