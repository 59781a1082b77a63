"""Values from outside, taken for what they should be, or for nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

# More digits than any number has that a vendor means.
TOO_LONG = 10


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_dicts(value: Any) -> list[dict[str, Any]]:
    """Its objects, and nothing else that is in it."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def as_int(value: Any, otherwise: int) -> int:
    """A whole number, also where it comes as text."""
    digits = str(value)
    is_one = digits.isascii() and digits.isdigit() and len(digits) < TOO_LONG
    return int(digits) if is_one else otherwise


# No vendor had a message for us before; and clocks differ by minutes, not by days.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)


def plausible_moment(value: datetime) -> datetime:
    """The time, or now where it cannot be meant: of year 1, as some write "never", pages break."""
    now = datetime.now(UTC)
    return value if EARLIEST <= value <= now + AHEAD else now
