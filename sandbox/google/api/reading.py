"""The query and the body of a request, read the way Google reads them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.google.errors import CalendarRefusedError
from sandbox.google.model import rules
from sandbox.lib.reading import parse_json

Json = dict[str, Any]


class Query:
    def __init__(self, given: QueryParams) -> None:
        self._given = given

    def get(self, name: str) -> str | None:
        return self._given.get(name)

    def all(self, name: str) -> list[str]:
        return self._given.getlist(name)

    def switch(self, name: str) -> bool:
        return self._given.get(name) == "true"

    def number(self, name: str, usual: int, least: int, most: int) -> int:
        """Parses a number; Google takes more than the most for the most."""
        text = self._given.get(name)
        if text is None:
            return usual
        if not text.isdecimal() or int(text) < least:
            message = f"Invalid value '{text}'. Values must be within the range: [{least}, {most}]"
            raise CalendarRefusedError("invalidParameter", message, location=name)
        return min(int(text), most)

    def moment(self, name: str) -> datetime | None:
        text = self._given.get(name)
        return moment(text, name) if text else None

    def zone(self, name: str) -> str:
        zone = self._given.get(name, "")
        if zone and not rules.is_zone(zone):
            raise CalendarRefusedError("invalid", "Invalid time zone.", location=name)
        return zone

    def shape(self, without: Collection[str]) -> str:
        """Returns what has to be the same in every request that continues this one."""
        pairs = sorted(pair for pair in self._given.multi_items() if pair[0] not in without)
        return "&".join(f"{name}={value}" for name, value in pairs)


def moment(text: Any, name: str) -> datetime:
    """Parses an RFC 3339 time with an offset."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise CalendarRefusedError("badRequest", location=name)
    return at


def json_object(body: bytes) -> Json:
    try:
        given: Any = parse_json(body or b"{}")
    except ValueError as error:
        raise CalendarRefusedError(
            "parseError", "This API does not support parsing form-encoded input."
        ) from error
    if not isinstance(given, dict):
        raise CalendarRefusedError("parseError")
    return given
