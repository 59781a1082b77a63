"""HTTP to providers: pooled connections, timeouts, and errors that say whether a request left."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

from wedsync_comms.lib.environment.connecting import CertificatesMissing, failed_connection
from wedsync_comms.lib.environment.way_out import WayOut
from wedsync_comms.lib.errors import OutcomeUnknown

# Seconds to connect and to wait for the next byte of an answer.
TIMEOUT = (3.05, 10.0)


class HandshakeConnection(HTTPSConnection):
    """Tells a failed handshake, before which no request leaves, from a stream that breaks later.

    urllib3 reports both as SSLError, and a server that is late in its handshake as a late answer.
    """

    def connect(self) -> None:
        """Raises ConnectTimeoutError, and NewConnectionError for whatever else goes wrong.

        Also for what a proxy answers to CONNECT, which is part of it.
        """
        try:
            super().connect()
        except ConnectTimeoutError:
            raise
        except (OSError, ValueError, HTTPError, HTTPException) as error:
            raise NewConnectionError(self, f"The TLS handshake failed: {error}") from error


class HandshakePool(HTTPSConnectionPool):
    ConnectionCls = HandshakeConnection


class HandshakeAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        use_handshake_pool(self.poolmanager)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Raises requests.ConnectionError, as for every connection that does not come about."""
        try:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        except OSError as error:
            # It looks for the file before it connects.
            raise requests.ConnectionError(CertificatesMissing(str(error))) from error

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        use_handshake_pool(manager)
        return manager


def use_handshake_pool(manager: Any) -> None:
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": HandshakePool}


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    content: bytes


class Client:
    """One pool of connections a thread: sessions are not documented as thread-safe."""

    def __init__(self, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._timeout = timeout
        self._local = threading.local()

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            session = requests.Session()
            # Reading proxies and certificates from the environment for every call costs a third
            # of the throughput: a session reads them once. Passwords of a netrc are none of ours.
            session.trust_env = False
            self._local.way_out = WayOut()
            session.verify = self._local.way_out.verify
            session.mount("https://", HandshakeAdapter(pool_maxsize=4))
            session.mount("http://", HTTPAdapter(pool_maxsize=4))
            self._local.session = session
        found: requests.Session = self._local.session
        return found

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json: Any = None,
        data: Any = None,
        params: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> Response:
        """Raises NoConnection if the request did not leave, OutcomeUnknown if it may have."""
        try:
            session = self._session()
            answer = session.request(
                method,
                url,
                headers=dict(headers),
                json=json,
                data=data,
                params=params,
                auth=auth,
                timeout=self._timeout,
                proxies=self._local.way_out.proxies_for(url),
                allow_redirects=False,
            )
        except requests.ConnectTimeout as error:
            raise failed_connection(error) from error
        except requests.ConnectionError as error:
            if never_left(error):
                raise failed_connection(error) from error
            raise OutcomeUnknown(f"Connection lost: {error}", code="connection_lost") from error
        except (InvalidSchema, InvalidURL) as error:
            # A proxy of a kind that is not spoken, too.
            raise failed_connection(error) from error
        except requests.RequestException as error:
            raise OutcomeUnknown(f"No answer: {error}", code="no_answer") from error
        return Response(answer.status_code, answer.headers, answer.content)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Returns for how long a server wants to be left alone; None where it does not say.

    In seconds or as a date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        return seconds_until(said)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def seconds_until(http_date: str) -> float | None:
    try:
        then = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    moment = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def never_left(error: requests.ConnectionError) -> bool:
    """Whether urllib3 says that there was no connection: no name, no server, no handshake.

    To a proxy, too, or from there on, before anything but CONNECT was sent.
    """
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if isinstance(reason, ProxyError):
        return isinstance(reason.original_error, (NewConnectionError, ConnectTimeoutError))
    return isinstance(cause, (NewConnectionError, CertificatesMissing)) or isinstance(
        reason, NewConnectionError
    )
