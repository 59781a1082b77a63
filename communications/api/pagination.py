"""Pages of lists."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

BAD_CURSOR = "This is no cursor of ours: take the whole address from “next” or “previous”."


class NewestFirst(CursorPagination):
    """Pages that neither skip nor repeat rows while new ones arrive."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-pk")
    cursor_query_description = "Where the page begins: from “next” or “previous” of another one."
    page_size_query_description = f"How many of them a page has, at most {max_page_size}."
    invalid_cursor_message = BAD_CURSOR

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises ParseError for what no page has named: its position is a time, in full."""
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None:
                check_cursor(cursor, request.query_params[self.cursor_query_param])
        except (NotFound, ValueError, OverflowError) as error:
            raise ParseError(BAD_CURSOR) from error
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**address, "description": "The page after it; null: it is the last one."},
                "previous": {**address, "description": "The page before it."},
                "results": schema,
            },
        }


def check_cursor(cursor: Cursor, written: str) -> None:
    """Raises ValueError or OverflowError for what names no page, and is not blank either."""
    if cursor.position is not None:
        moment = datetime.fromisoformat(str(cursor.position))
        if moment.tzinfo is None:
            raise ValueError(cursor.position)
        moment.astimezone(UTC)
    elif written and not cursor.offset and not cursor.reverse:
        raise ValueError(written)
