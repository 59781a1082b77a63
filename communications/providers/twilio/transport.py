"""How the SDK's requests leave."""

import threading
from datetime import timedelta
from typing import Any

from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse

from wedsync_comms.lib.http import Client, retry_after_seconds

# Longer than this is a mistake: it would stop everything.
LONGEST_PAUSE = timedelta(hours=1)


class PooledTwilioClient(HttpClient):
    """The SDK's HTTP, with pooled connections, timeouts, and errors of ours."""

    def __init__(self) -> None:
        super().__init__(None, is_async=False, timeout=None)
        self.client = Client()
        self.seen = threading.local()

    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: Any = None,  # noqa: ARG002
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> TwilioResponse:
        answer = self.client.request(
            method,
            url,
            headers=headers or {},
            params=params,
            data=data,
            auth=auth,
        )
        self.seen.headers = answer.headers
        return TwilioResponse(answer.status, answer.content.decode(), answer.headers)

    @property
    def retry_after(self) -> timedelta | None:
        """Returns what the last answer in this thread said; Twilio does not promise to say."""
        seconds = retry_after_seconds(getattr(self.seen, "headers", {}))
        return timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds())) if seconds else None
