"""A vendor's token, together with what was asked for when it was given."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from calendars.providers.base import CursorExpired

# A window that moves on is followed with the old one's token for so long.
WINDOW_SLACK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class VendorCursor:
    """`shape` counts the ways in which we have asked: an answer to another question does not
    continue this one."""

    shape: str
    token: str
    start: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        window = [boundary.isoformat() for boundary in (self.start, self.end) if boundary]
        return json.dumps([self.shape, self.token, *window], separators=(",", ":"))

    @classmethod
    def read(cls, value: str, shape: str) -> Self:
        """Raises CursorExpired for one that is not ours, or of another shape."""
        try:
            of, token, *window = json.loads(value)
            start, end = [datetime.fromisoformat(boundary) for boundary in window] or (None, None)
        except (ValueError, TypeError) as error:
            raise CursorExpired("The cursor cannot be read.", code="unreadable") from error
        if of != shape or not isinstance(token, str) or not token:
            raise CursorExpired("The cursor is of another version.", code="shape")
        return cls(shape=shape, token=token, start=start, end=end)

    def covers(self, end: datetime) -> bool:
        return self.end is not None and end <= self.end + WINDOW_SLACK


def continue_cursor(value: str, shape: str, end: datetime) -> VendorCursor:
    """Raises CursorExpired as well where the wanted window has moved on from the cursor's."""
    cursor = VendorCursor.read(value, shape)
    if not cursor.covers(end):
        raise CursorExpired("The window has moved on.", code="window")
    return cursor
