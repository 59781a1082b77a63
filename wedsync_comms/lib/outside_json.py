"""JSON from outside, made fit to be stored. The one entrance for all that vendors say."""

import json
from typing import Any

from wedsync_comms.lib.text import sanitise

# Deeper than anything that a vendor means; a tenth of what Python can walk through.
MAX_DEPTH = 60


def read_json(content: bytes | str) -> Any:
    """Parses JSON from outside.

    No text in it has a NUL or a lone surrogate, which databases refuse; what is nested deeper than
    MAX_DEPTH, and numbers that are none, are None. Raises ValueError for what is no JSON.
    """
    text = content.decode("utf-8-sig", "replace") if isinstance(content, bytes) else content
    try:
        return storable(json.loads(text, parse_constant=no_number))
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error


def storable(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Returns a parsed value with every text in it sanitised."""
    if isinstance(value, str):
        return sanitise(value)
    if not isinstance(value, (dict, list)):
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        return [storable(entry, depth - 1) for entry in value]
    return {sanitise(name): storable(entry, depth - 1) for name, entry in value.items()}


def no_number(_: str) -> None:
    """Infinity and NaN are no JSON, though Python reads them."""
