"""One POST of one webhook, as a provider would do it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import requests

from sandbox.lib.times import iso, now

# Svix and Twilio wait that long for an answer.
CONNECT_WITHIN, ANSWER_WITHIN = 5.0, 15.0
SUCCESS = range(200, 300)
MAX_ERROR = 200
MAX_ANSWER = 4000

# What became of a POST that got no answer, in the order of the checks: a connection that could
# not be made in time is also a timeout.
NO_ANSWER = (
    (requests.ConnectTimeout, "connect"),
    (requests.Timeout, "read"),
    (requests.ConnectionError, "connect"),
)


@dataclass
class Attempt:
    at: str
    status: int | None
    error: str
    milliseconds: float
    forged: bool = False
    # "connect" or "read" if no answer came.
    broke: str = ""
    content_type: str = ""
    answer: str = ""

    @property
    def succeeded(self) -> bool:
        # A redirect is a failure: the provider does not follow it.
        return self.status in SUCCESS

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Courier:
    """One connection pool per thread: a Session is not made to be shared between threads."""

    def __init__(self, headers: Mapping[str, str], answer_within: float = ANSWER_WITHIN) -> None:
        self._headers = headers
        self._timeout = (CONNECT_WITHIN, answer_within)
        self._local = threading.local()

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Attempt:
        started, at = time.monotonic(), iso(now())
        attempt = Attempt(at, None, "", 0)
        self._ask(attempt, url, body, headers)
        attempt.milliseconds = round((time.monotonic() - started) * 1000, 1)
        return attempt

    def _ask(self, attempt: Attempt, url: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            response = self._session().post(
                url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            attempt.error = f"{type(error).__name__}: {error}"[:MAX_ERROR]
            attempt.broke = next((how for kind, how in NO_ANSWER if isinstance(error, kind)), "")
            return
        attempt.status = response.status_code
        attempt.content_type = response.headers.get("content-type", "")
        attempt.answer = response.text[:MAX_ANSWER]
        attempt.error = "" if response.ok else response.text[:MAX_ERROR]

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            # Reading the environment's proxies for every call costs a third of the throughput.
            session.trust_env = False
            session.headers.update(self._headers)
        return session
