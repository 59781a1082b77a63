"""JSON from outside: capped, and of texts and numbers that can be stored."""

import math
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

from wedsync_comms.lib.outside_json import MAX_DEPTH
from wedsync_comms.lib.text import is_sane_text

TOO_DEEP = f"The JSON is nested more than {MAX_DEPTH} levels deep: flatten it."
TOO_LARGE = "A number in the JSON is too large to be kept: write it as a text."
NO_TEXT = "The text contains a NUL or half a surrogate pair: remove it."


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large: at most 40 MB, attachments included."
    default_code = "too_large"


class CappedJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # Django's own limit guards request.body, which DRF does not use.
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge
        try:
            parsed = super().parse(BytesIO(body), media_type, dict(parser_context or {}))
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error
        refuse_unstorable(parsed)
        return parsed


def refuse_unstorable(value: Any, depth: int = MAX_DEPTH) -> None:
    """Raises ParseError where something in a parsed value is too deep, or no database keeps it."""
    if isinstance(value, str) and not is_sane_text(value):
        raise ParseError(NO_TEXT)
    # 1e999 is JSON, and infinite once it is read.
    if isinstance(value, float) and not math.isfinite(value):
        raise ParseError(TOO_LARGE)
    entries = entries_of(value)
    if entries is not None and depth == 0:
        raise ParseError(TOO_DEEP)
    for entry in entries or ():
        refuse_unstorable(entry, depth - 1)


def entries_of(value: Any) -> list[Any] | None:
    """Returns what a list or an object holds, with its names; None: it is neither."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else None
