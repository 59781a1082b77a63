"""Why no connection comes about, in plain words: the name, the address, the certificate."""

import errno
import re
import socket
import ssl
from collections.abc import Iterator

from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProxyError

from wedsync_comms.lib.errors import NoConnection


class CertificatesMissing(Exception):
    """The file or folder of the authorities that we believe is not there."""


# By the cause, the most telling first: the code of an attempt, and the clause that people read.
REASONS: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    (
        (InvalidSchema, InvalidURL),
        "no_connection",
        "its address, or that of the proxy, cannot be used",
    ),
    (
        (CertificatesMissing,),
        "certificates_missing",
        "the certificates that this machine checks it against are missing",
    ),
    ((NameResolutionError, socket.gaierror), "name_unknown", "its name cannot be looked up"),
    (
        (ssl.SSLCertVerificationError,),
        "certificate_refused",
        "its certificate is not one that we trust",
    ),
    ((ssl.SSLError,), "no_connection", "no encrypted connection to it can be agreed upon"),
    ((ConnectionRefusedError,), "no_connection", "nothing listens at its address"),
    ((ConnectTimeoutError, TimeoutError), "connect_timeout", "it does not answer in time"),
)
OTHERWISE = ("no_connection", "the connection to it breaks before anything is sent")
BY_PROXY = ("no_connection", "the proxy on the way to it is not reached")
# How Python words what a proxy answers to CONNECT.
TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: ([^'\")]{1,100})")
NO_WAY = ("no_connection", "there is no way from this machine to its address")
NO_WAY_ERRORS = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def failed_connection(error: BaseException) -> NoConnection:
    """Returns the error of a connection that did not come about, with its cause in plain words.

    What the machine says of it is kept in the response, for whoever mends it.
    """
    causes = list(causes_of(error))
    code, why = reason_of(causes)
    return NoConnection(why, code=code, response={"cause": str(causes[-1])[:500]})


def reason_of(causes: list[BaseException]) -> tuple[str, str]:
    if refused := TUNNEL_REFUSED.search(str(causes[-1])):
        return "no_connection", f"the proxy lets nothing through ({refused[1].strip()})"
    if any(isinstance(cause, ProxyError) for cause in causes):
        return BY_PROXY
    if any(isinstance(cause, OSError) and cause.errno in NO_WAY_ERRORS for cause in causes):
        return NO_WAY
    for kinds, code, why in REASONS:
        if any(isinstance(cause, kinds) for cause in causes):
            return code, why
    return OTHERWISE


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and what caused it, the first cause last.

    requests hands urllib3's error over as an argument, and urllib3 its own as a reason.
    """
    seen: list[BaseException] = []
    current: object = error
    while isinstance(current, BaseException) and current not in seen:
        seen.append(current)
        yield current
        held = getattr(current, "reason", None) or next(iter(current.args), None)
        current = held if isinstance(held, BaseException) else current.__cause__
