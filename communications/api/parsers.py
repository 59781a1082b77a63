"""JSON from outside: capped, and of characters that can be stored."""

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
        if not all_text_is_sane(parsed):
            raise ParseError("The text contains a NUL or half a surrogate pair: remove it.")
        return parsed


def all_text_is_sane(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether every text in a parsed value can be stored; raises ParseError if it is too deep."""
    if isinstance(value, str):
        return is_sane_text(value)
    if not isinstance(value, dict | list):
        return True
    if depth == 0:
        raise ParseError(TOO_DEEP)
    if isinstance(value, list):
        return all(all_text_is_sane(entry, depth - 1) for entry in value)
    return all(
        is_sane_text(name) and all_text_is_sane(entry, depth - 1) for name, entry in value.items()
    )
