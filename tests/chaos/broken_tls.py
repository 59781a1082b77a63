"""A TLS-terminating proxy before the sandbox, which can break each connection at the next step."""

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.lib.tls_server import TlsServer, write_certificate

LONGEST_ANSWER = 1 << 20
# How much of the request is taken, and of the answer passed on; None: all of it.
AFTER_HANDSHAKE, AMID_REQUEST, BEFORE_ANSWER, AMID_ANSWER = (0, 0), (40, 0), (None, 0), (None, 30)
STREAM_STEPS = (AFTER_HANDSHAKE, AMID_REQUEST, BEFORE_ANSWER, AMID_ANSWER)


class BrokenTls:
    """While `is_breaking`, every second connection breaks, each at another step."""

    def __init__(self, target: int, certificate: Path) -> None:
        self.target, self.is_breaking = target, False
        self.turns = itertools.count()
        self.broken = 0
        self.steps: list[Callable[[socket.socket, ssl.SSLContext], None]] = [
            self.before_handshake,
            self.amid_handshake,
            *(self.amid_stream(*sizes) for sizes in STREAM_STEPS),
        ]
        self.server = TlsServer(self.serve, certificate)

    def serve(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        step, breaks = divmod(next(self.turns), 2)
        whole = self.amid_stream(None, None)
        is_broken = bool(breaks and self.is_breaking)
        self.broken += is_broken
        chosen = self.steps[step % len(self.steps)] if is_broken else whole
        threading.Thread(target=served, args=(chosen, connection, context), daemon=True).start()

    def before_handshake(self, connection: socket.socket, _: ssl.SSLContext) -> None:
        connection.close()

    def amid_handshake(self, connection: socket.socket, _: ssl.SSLContext) -> None:
        connection.recv(65_536)
        connection.close()

    def amid_stream(
        self, taken: int | None, passed_on: int | None
    ) -> Callable[[socket.socket, ssl.SSLContext], None]:
        def serve(connection: socket.socket, context: ssl.SSLContext) -> None:
            with context.wrap_socket(connection, server_side=True) as stream:
                if taken is None:
                    stream.sendall(self.answer_to(read_request(stream))[:passed_on])
                elif taken:
                    stream.recv(taken)

        return serve

    def answer_to(self, request: bytes) -> bytes:
        once = request.replace(b"Connection: keep-alive", b"Connection: close", 1)
        with socket.create_connection(("127.0.0.1", self.target), 20) as upstream:
            upstream.sendall(once)
            with upstream.makefile("rb") as answer:
                return answer.read(LONGEST_ANSWER)


def served(
    serve: Callable[[socket.socket, ssl.SSLContext], None],
    connection: socket.socket,
    context: ssl.SSLContext,
) -> None:
    connection.settimeout(20)
    with connection, suppress(OSError):
        serve(connection, context)


def read_request(stream: ssl.SSLSocket) -> bytes:
    """Returns the head and as much of a body as it announces."""
    taken = b""
    while b"\r\n\r\n" not in taken and (data := stream.recv(65_536)):
        taken += data
    head, _, body = taken.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    while len(body) < size and (data := stream.recv(65_536)):
        body += data
    return head + b"\r\n\r\n" + body


@contextmanager
def broken_tls(target: int, folder: Path) -> Iterator[tuple[BrokenTls, dict[str, str]]]:
    """The proxy, and the variables that lead through it."""
    certificate = write_certificate(folder / "localhost.pem")
    proxy = BrokenTls(target, certificate)
    try:
        yield (
            proxy,
            {
                "RESEND_API_URL": f"https://localhost:{proxy.server.port}/resend",
                "REQUESTS_CA_BUNDLE": str(certificate),
            },
        )
    finally:
        proxy.server.close()
