"""Lists by cursor. https://resend.com/docs/api-reference/pagination"""

from typing import Protocol, TypeVar
from uuid import UUID

from starlette.requests import Request

from sandbox.lib.state import Shelf

from .errors import RefusedError

USUAL_LIMIT = 20
MAX_LIMIT = 100


class HasId(Protocol):
    @property
    def id(self) -> str: ...


Listed = TypeVar("Listed", bound=HasId)


def listing(shelf: Shelf[Listed], request: Request) -> tuple[list[Listed], bool]:
    """Returns a page, newest first, and whether there are more in the direction asked for."""
    return page(list(shelf.newest()), request)


def page(items: list[Listed], request: Request) -> tuple[list[Listed], bool]:
    after, before = request.query_params.get("after"), request.query_params.get("before")
    limit = _limit(request)
    if after and before:
        raise RefusedError("validation_error", "Use either `after` or `before`, not both.")
    if after:
        rest = items[_place(items, after) + 1 :]
        return rest[:limit], len(rest) > limit
    if before:
        rest = items[: _place(items, before)]
        return rest[-limit:], len(rest) > limit
    return items[:limit], len(items) > limit


def find(shelf: Shelf[Listed], given: str, otherwise: str) -> Listed:
    try:
        key = str(UUID(given))
    except ValueError as error:
        raise RefusedError("invalid_parameter") from error
    found = shelf.find(key)
    if found is None:
        raise RefusedError("not_found", otherwise)
    return found


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise RefusedError("validation_error", f"The `limit` must be between 1 and {MAX_LIMIT}.")
    return int(text)


def _place(items: list[Listed], key: str) -> int:
    for place, item in enumerate(items):
        if item.id == key:
            return place
    raise RefusedError("validation_error", "The cursor is not an id of this list.")
