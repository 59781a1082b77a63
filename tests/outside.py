"""The world as it looks from behind a proxy: one server for all hosts, with its own authority.

`with outside(folder) as world:` gives a CONNECT proxy, the certificates to believe, and what the
server was asked.
"""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.communications.providers.answering import Answer, Server, answering


@dataclass(frozen=True)
class Outside:
    proxy: "ConnectProxy"
    authority: Path
    server: Server


class ConnectProxy(ThreadingTCPServer):
    """Leads whoever asks for whichever host to one address, and notes whom they asked for."""

    daemon_threads = True

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.target = target
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked_for: list[str] = []
        self.credentials: list[str] = []
        # Instead of a tunnel; empty for silence.
        self.refusal: bytes | None = None


class Tunnel(BaseRequestHandler):
    server: ConnectProxy

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (data := self.request.recv(4096)):
                return
            head += data
        lines = head.decode().splitlines()
        self.server.asked_for.append(lines[0].split()[1])
        self.server.credentials += [line for line in lines if "authorization" in line.lower()]
        if self.server.refusal is not None:
            self.request.sendall(self.server.refusal)
            if not self.server.refusal:
                self.request.recv(4096)
            return
        with socket.create_connection(self.server.target) as target:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(target, self.request), daemon=True)
            back.start()
            pump(self.request, target)
            back.join(5)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def outside(folder: Path, hosts: Sequence[str], answer: Answer) -> Iterator[Outside]:
    authority, certificate = make_certificates(folder, hosts)
    with answering(answer) as server, proxying(server) as proxy:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        # The handshake is for the thread of the connection.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        yield Outside(proxy, authority, server)


@contextmanager
def proxying(server: Server) -> Iterator[ConnectProxy]:
    with ConnectProxy(("127.0.0.1", server.server_port)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join(5)


def make_certificates(folder: Path, hosts: Sequence[str]) -> tuple[Path, Path]:
    """Returns the authority's certificate, and a certificate of the hosts with its key."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of our own")])
    root = signed(root_name, root_name, root_key.public_key(), root_key, [])
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "everybody")])
    leaf = signed(name, root_name, key.public_key(), root_key, hosts)
    authority, certificate = folder / "authority.pem", folder / "hosts.pem"
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.write_bytes(private + leaf.public_bytes(pem))
    return authority, certificate


def signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())
