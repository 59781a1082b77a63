"""Google's own client builds the requests; our pool of connections carries them.

httplib2, which it speaks otherwise, sends a POST again by itself when a connection breaks, and an
instance of it serves one thread only.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import httplib2
from googleapiclient.discovery import build

from calendars.providers.google.errors import google_error
from calendars.providers.responses import (
    REDIRECT,
    require_object,
)
from calendars.providers.token import AccessToken
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.outside_json import read_json

NO_CONTENT = 204


class GoogleTransport:
    """The one method of httplib2 that the client calls."""

    def __init__(self, client: Client, token: AccessToken, *, is_safe: bool) -> None:
        self.client = client
        self.token = token
        self.is_safe = is_safe

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[httplib2.Response, bytes]:
        data = body.encode() if body is not None else None
        answer = self.token.ask(
            self.client, method, uri, is_safe=self.is_safe, headers=headers or {}, data=data
        )
        if answer.status >= REDIRECT:
            raise google_error(answer, is_safe=self.is_safe)
        return httplib2.Response({"status": str(answer.status)}), answer.content


class GoogleCalls:
    """Requests of the client, carried out with one person's access token."""

    def __init__(self, client: Client, token: AccessToken, calendar: Any, people: Any) -> None:
        self.client = client
        self.token = token
        self.calendar = calendar
        self.people = people

    def run(self, request: Any, *, etag: str = "", is_safe: bool = True) -> dict[str, Any]:
        """Carries it out. `is_safe`: repeating does no harm, lost answers are TransientErrors."""
        return require_object(self.do(request, etag=etag, is_safe=is_safe), is_safe=is_safe)

    def do(self, request: Any, *, etag: str = "", is_safe: bool = True) -> Any:
        """Carries out what is answered with nothing."""
        if etag:
            request.headers["if-match"] = etag
        # Parsed like all that comes from outside, and not as Google's client would.
        request.postproc = google_body
        # Never again by itself: Google's client knows no Retry-After, and repeats what creates.
        return request.execute(
            http=GoogleTransport(self.client, self.token, is_safe=is_safe), num_retries=0
        )


def google_body(response: httplib2.Response, content: bytes) -> Any:
    """Returns the answer; None for what is nothing, or no JSON."""
    try:
        return None if response.status == NO_CONTENT else read_json(content)
    except ValueError:
        return None


@cache
def google_service(name: str, version: str, endpoint: str) -> Any:
    """Builds it from the document that is shipped with the client: nothing is asked for."""
    return build(
        name,
        version,
        http=httplib2.Http(),
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )
