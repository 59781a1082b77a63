"""One authenticated request, and the table that says who answers it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from sandbox.google.model.accounts import Account
from sandbox.google.model.writing import How
from sandbox.lib.json_answer import EscapedJSON

from .reading import Query, json_object

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    account: Account
    method: str
    path: str
    # The address up to and including the API's own base.
    base: str
    query: Query
    headers: Headers
    body: bytes

    @property
    def subject(self) -> str:
        """Returns what the ``only`` of a fault is compared with."""
        return f"{self.method} {self.path}"

    def json(self) -> Json:
        return json_object(self.body)

    def how(self) -> How:
        """Returns how to write; ``sendNotifications`` is the old spelling."""
        usual = "all" if self.query.switch("sendNotifications") else "none"
        return How(
            updates=self.query.get("sendUpdates") or usual,
            conferences=self.query.get("conferenceDataVersion") == "1",
        )


Endpoint = Callable[..., Response]
# (method, pattern below the provider's address, what a scope must allow, endpoint)
Line = tuple[str, re.Pattern[str], str, Endpoint]


def line(method: str, path: str, scope: str, endpoint: Endpoint) -> Line:
    """``{name}`` is one segment."""
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+?)", re.escape(path))
    return method, re.compile(pattern), scope, endpoint


def answer(content: Json, **headers: str) -> Response:
    return EscapedJSON(content, headers=headers)


def nothing() -> Response:
    return Response(status_code=204)
