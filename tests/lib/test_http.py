"""Whether a request left: a real TLS server breaks the stream at each of its steps."""

import errno
import gc
import smtplib
import socket
import ssl
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.communications.providers.answering import closed_port
from tests.lib.tls_server import Serve, TlsServer, write_certificate
from wedsync_comms.lib.environment.connecting import failed_connection
from wedsync_comms.lib.errors import NoConnection, OutcomeUnknown
from wedsync_comms.lib.http import Client

BODY = "x" * 200_000
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"id":'
Break = Callable[[socket.socket], None]


def closes(connection: socket.socket) -> None:
    """Ends the stream without TLS's farewell."""
    connection.close()


def resets(connection: socket.socket) -> None:
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def sends_garbage(connection: socket.socket) -> None:
    """Writes what is no TLS record, as a middlebox does."""
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" * 50)
    connection.close()


def sends_bad_record(connection: socket.socket) -> None:
    """Writes a record that was not encrypted with the connection's key."""
    with suppress(OSError):
        connection.sendall(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)
    connection.close()


def hangs(connection: socket.socket) -> None:
    with suppress(OSError):
        while connection.recv(65_536):
            pass
    connection.close()


BREAKS = [closes, resets, sends_garbage, sends_bad_record, hangs]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "localhost.pem")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Callable[[Serve], int]]:
    """`tls_server(serve)` is the port at which `serve` gets each connection."""
    servers: list[TlsServer] = []

    def started(serve: Serve) -> int:
        servers.append(TlsServer(serve, certificate))
        return servers[-1].port

    yield started
    for server in servers:
        server.close()


@pytest.fixture
def client(certificate: Path) -> Client:
    """It trusts the certificate, and has no patience."""
    made = Client(timeout=(0.5, 0.5))
    made._session().verify = str(certificate)
    return made


@pytest.fixture
def unconnected_sockets() -> Iterator[None]:
    """Collects what Python leaves open where the other side is gone before the handshake begins."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


def post(client: Client, port: int, host: str = "localhost") -> None:
    client.request("POST", f"https://{host}:{port}/messages", headers={}, data=BODY)


def read_until(stream: ssl.SSLSocket, size: int) -> None:
    taken = 0
    while taken < size:
        data = stream.recv(16_384)
        if not data:
            return
        taken += len(data)


def before_handshake(broken: Break) -> Serve:
    return lambda connection, _: broken(connection)


def amid_handshake(broken: Break) -> Serve:
    def serve(connection: socket.socket, _: ssl.SSLContext) -> None:
        connection.recv(65_536)
        broken(connection)

    return serve


def after(size: int, answer: bytes, broken: Break) -> Serve:
    """Takes so many bytes of the request, answers with some, and breaks."""

    def serve(connection: socket.socket, context: ssl.SSLContext) -> None:
        with context.wrap_socket(connection, server_side=True) as stream:
            read_until(stream, size)
            if answer:
                stream.sendall(answer)
            # The bare connection below the encryption.
            broken(socket.socket(fileno=stream.detach()))

    return serve


@pytest.mark.usefixtures("unconnected_sockets")
@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("step", [before_handshake, amid_handshake])
def test_what_fails_before_the_handshake_is_done_never_left(
    client: Client,
    tls_server: Callable[[Serve], int],
    step: Callable[[Break], Serve],
    broken: Break,
) -> None:
    with pytest.raises(NoConnection) as error:
        post(client, tls_server(step(broken)))

    assert error.value.code in {"no_connection", "connect_timeout"}


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize(
    ("size", "answer"),
    [(1, b""), (len(BODY), b""), (len(BODY), b"H"), (len(BODY), ANSWER)],
    ids=["its first byte", "all of it", "a byte of the answer", "half an answer"],
)
def test_what_breaks_later_may_have_arrived(
    client: Client, tls_server: Callable[[Serve], int], size: int, answer: bytes, broken: Break
) -> None:
    with pytest.raises(OutcomeUnknown):
        post(client, tls_server(after(size, answer, broken)))


def test_a_certificate_that_is_not_trusted_or_not_theirs_is_found_before_anything_leaves(
    client: Client, tls_server: Callable[[Serve], int]
) -> None:
    port = tls_server(after(len(BODY), b"", closes))

    with pytest.raises(NoConnection, match="certificate"):
        post(Client(timeout=(0.5, 0.5)), port)
    with pytest.raises(NoConnection, match="certificate"):
        post(client, port, host="127.0.0.1")


def test_certificates_that_vanish_while_it_runs_are_no_connection(
    client: Client, tls_server: Callable[[Serve], int], certificate: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(certificate.read_bytes())
    client._session().verify = str(bundle)
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    port = tls_server(after(len(BODY), whole, closes))
    post(client, port)
    bundle.unlink()

    with pytest.raises(NoConnection, match="this machine checks it against are missing") as error:
        post(client, port)

    assert error.value.code == "certificates_missing"
    assert str(bundle) in str(error.value.response["cause"])


def test_no_name_and_no_server_are_no_connection(client: Client) -> None:
    with pytest.raises(NoConnection, match="nothing listens at its address"):
        post(client, closed_port())
    with pytest.raises(NoConnection, match="its name cannot be looked up") as error:
        post(client, 443, host="nobody.invalid")
    assert error.value.code == "name_unknown"
    assert "nobody.invalid" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "there is no way from this machine"),
        (TimeoutError("timed out"), "it does not answer in time"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "breaks before"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "its name cannot be looked up"),
        (ssl.SSLError(1, "wrong version number"), "no encrypted connection"),
    ],
)
def test_the_cause_is_told_in_plain_words_and_kept_as_the_machine_says_it(
    error: Exception, why: str
) -> None:
    found = failed_connection(error)

    assert why in found.why
    assert found.response == {"cause": str(error)}


def test_errors_that_are_each_others_cause_come_to_an_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first

    assert failed_connection(first).code == "no_connection"
