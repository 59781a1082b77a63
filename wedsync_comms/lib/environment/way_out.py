"""The way out that the environment names: which proxy, and whose certificates are believed.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as curl and requests read them, in either case;
REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE, the first that is set.
"""

import os
from collections.abc import MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

from requests.utils import get_environ_proxies

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
PROXY_KINDS = ("http", "https")


class UnusableWayOut(Exception):
    """Says which variable cannot be used, and what to set it to."""


class WayOut:
    """What the environment said when this was made: reading it for each call is slow."""

    def __init__(self) -> None:
        self.verify: str | bool = certificates_path() or True
        self._proxies: dict[str, dict[str, str]] = {}

    def proxies_for(self, url: str) -> dict[str, str]:
        """Returns requests' `proxies` for an address; empty where the way is direct."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._proxies:
            direct = is_loopback(parts.hostname or "")
            self._proxies[origin] = {} if direct else dict(get_environ_proxies(origin))
        return self._proxies[origin]


def is_loopback(host: str) -> bool:
    """Whether it is this machine, which means another one to a proxy."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def certificates_path() -> str:
    """Returns the file or folder of the authorities that are believed; empty for the usual ones."""
    return next((path for name in CERTIFICATES if (path := os.environ.get(name))), "")


def check_way_out() -> None:
    """Raises UnusableWayOut for what every call would fail with."""
    for name in CERTIFICATES:
        path = os.environ.get(name, "")
        if path and not os.access(path, os.R_OK):
            raise UnusableWayOut(
                f"{name} names {path}, which is not there or may not be read: set it to a file of "
                "certificates in PEM, those of the public authorities among them."
            )
    # Everything of importance is asked by https.
    named = getproxies()
    proxy = named.get("https") or named.get("all") or ""
    kind = proxy.partition("://")[0] if "://" in proxy else PROXY_KINDS[0]
    if kind.lower() not in PROXY_KINDS:
        name = "HTTPS_PROXY" if named.get("https") else "ALL_PROXY"
        raise UnusableWayOut(
            f"{name} names a proxy of the kind “{kind}”: set HTTPS_PROXY to one of http:// or "
            "https://."
        )


def share_certificates(environment: MutableMapping[str, str]) -> None:
    """Tells libraries with clients of their own, too, which know REQUESTS_CA_BUNDLE only."""
    if path := certificates_path():
        environment.setdefault("REQUESTS_CA_BUNDLE", path)
