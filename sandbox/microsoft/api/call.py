"""One request to Graph, read: who asks, what for, and how the answer is preferred."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from sandbox.lib.json_answer import EscapedJSON
from sandbox.lib.reading import parse_json
from sandbox.microsoft.errors import RefusedError, bad
from sandbox.microsoft.model import zones
from sandbox.microsoft.model.item import Item
from sandbox.microsoft.model.mailbox import Mailbox
from sandbox.microsoft.model.tokens import Access

Json = dict[str, Any]

PREFERENCE = re.compile(r'([A-Za-z.\-]+)\s*=\s*"?([^",;]+)"?')
MAX_PAGE = 1000


@dataclass(frozen=True)
class Prefer:
    """Names and values are compared as they are written: ``IdType="immutableid"`` does nothing."""

    zone: str = "UTC"
    immutable: bool = False
    plain_text: bool = False
    page_size: int | None = None
    applied: tuple[str, ...] = ()


def read_preferences(lines: list[str]) -> Prefer:
    given = dict(PREFERENCE.findall(", ".join(lines)))
    zone = given.get("outlook.timezone", "UTC")
    if not zones.is_known(zone):
        raise zones.unknown_zone(zone)
    size = given.get("odata.maxpagesize", "")
    return Prefer(
        zone=zone,
        immutable=given.get("IdType") == "ImmutableId",
        plain_text=given.get("outlook.body-content-type") == "text",
        page_size=min(int(size), MAX_PAGE) if size.isdecimal() and int(size) else None,
        applied=tuple(f'{name}="{value}"' for name, value in given.items()),
    )


@dataclass(frozen=True)
class Call:
    request: Request
    body: bytes
    access: Access
    mailbox: Mailbox
    prefer: Prefer
    # ``http://…/microsoft/v1.0``, for the links in the answer.
    base: str

    @property
    def query(self) -> QueryParams:
        return self.request.query_params

    def json(self) -> Json:
        """Returns the body's object; an empty body is an empty object."""
        try:
            given: Any = parse_json(self.body or b"{}")
        except ValueError as error:
            raise bad("Unable to read JSON request payload.", "BadRequest") from error
        if not isinstance(given, dict):
            raise bad("Unable to read JSON request payload.", "BadRequest")
        return given

    def demand_match(self, item: Item) -> None:
        wanted = self.request.headers.get("if-match", "*")
        if wanted not in {"*", item.etag}:
            raise RefusedError(412)

    def answer(self, body: Json, status: int = 200, item: Item | None = None) -> Response:
        headers = {"odata-version": "4.0"}
        if self.prefer.applied:
            headers["preference-applied"] = ", ".join(self.prefer.applied)
        if item is not None:
            headers["etag"] = item.etag
        return EscapedJSON(body, status_code=status, headers=headers)
