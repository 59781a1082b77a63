"""How the SDK's requests leave, and for whom."""

from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from json import loads
from typing import Any

import resend
from resend.http_client import HTTPClient

from wedsync_comms.lib.errors import OutcomeUnknown, ServerFailed
from wedsync_comms.lib.http import Client

# Beyond this, a number in a header is a mistake.
MAX_HEADER_NUMBER = 1_000_000.0


class PooledResendClient(HTTPClient):
    """The SDK's HTTP, with pooled connections, timeouts, and the account of the calling provider.

    The SDK keeps key and address in module globals; two accounts in one process share them. So
    each call says whose it is, and this client puts that account's values in.
    """

    def __init__(self) -> None:
        self.account: ContextVar[tuple[str, str]] = ContextVar("account")
        self.client = Client()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Any = None,
        files: Any = None,  # noqa: ARG002
        data: Any = None,  # noqa: ARG002
    ) -> tuple[bytes, int, Mapping[str, str]]:
        api_url, api_key = self.account.get()
        response = self.client.request(
            method,
            api_url + url.removeprefix(resend.api_url),
            headers={**headers, "Authorization": f"Bearer {api_key}"},
            # The SDK gives a body to a GET, which strict servers refuse.
            json=json if method == "post" and json else None,
        )
        if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            # The SDK would take it for a success. Not followed: the key would go along.
            raise ServerFailed(f"Resend redirects ({response.status}).", code="redirect")
        if response.status < HTTPStatus.MULTIPLE_CHOICES and not is_json(response.content):
            # The SDK would call it a failure of the server's, and it is a success.
            raise OutcomeUnknown("Resend answered with something unreadable.", code="unreadable")
        return response.content, response.status, response.headers


CLIENT = PooledResendClient()
resend.default_http_client = CLIENT
# Unset, the SDK would look for it in the environment and send "Bearer None".
resend.api_key = "set-by-the-client"


def is_json(content: bytes) -> bool:
    try:
        loads(content)
    except ValueError:
        return False
    return True


def header_number(headers: Mapping[str, str], name: str) -> float | None:
    """Returns the number in a header; None if there is none that one can reckon with."""
    lower = {key.lower(): value for key, value in headers.items()}
    try:
        found = float(lower[name])
    except (KeyError, ValueError):
        return None
    return found if abs(found) <= MAX_HEADER_NUMBER else None
