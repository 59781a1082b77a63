"""Reading what strangers send without falling over it."""

import json
from typing import Any, NoReturn


def parse_json(body: bytes) -> Any:
    """Parses JSON. Raises a ValueError for what could not be written out as strict JSON."""
    try:
        given = json.loads(body, parse_constant=_refuse)
        if b"\\u" in body:
            # Half a surrogate pair is valid JSON, but no text.
            json.dumps(given, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return given


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def read_told(given: Any) -> dict[str, Any]:
    """Returns what a vendor is to tell in place of what it knows: an object, or its JSON as text,
    which may have what no client may send (half a surrogate pair)."""
    told = json.loads(given) if isinstance(given, str) else given
    return told if isinstance(told, dict) else {}
