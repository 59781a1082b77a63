"""Values from outside, taken for what they should be, or for nothing."""

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
