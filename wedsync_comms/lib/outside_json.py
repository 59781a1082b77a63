"""JSON from outside, made fit to be stored. The one entrance for all that vendors say."""

import json
import math
from itertools import islice
from typing import Any, NamedTuple

from wedsync_comms.lib.text import sanitise

# Deeper than anything that a vendor means; a tenth of what Python can walk through.
MAX_DEPTH = 60


class Limits(NamedTuple):
    """How much of a value is kept: levels, entries of each, characters of names and of texts.

    None: all of it. What is nested deeper is None.
    """

    depth: int
    entries: int | None = None
    name: int | None = None
    text: int | None = None


WHOLE = Limits(depth=MAX_DEPTH)
# What people look at in a page.
COLUMN = Limits(depth=8, entries=200, name=200, text=4_000)


def read_json(content: bytes | str) -> Any:
    """Parses JSON from outside.

    No text in it has a NUL or a lone surrogate, which databases refuse; what is nested deeper than
    MAX_DEPTH, and numbers that are none, are None. Raises ValueError for what is no JSON.
    """
    text = content.decode("utf-8-sig", "replace") if isinstance(content, bytes) else content
    try:
        return storable(json.loads(text))
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error


def as_storable(value: Any) -> Any:
    """Returns what a column keeps of a parsed value, within COLUMN."""
    return storable(value, COLUMN)


def storable(value: Any, limits: Limits = WHOLE) -> Any:
    """Returns a parsed value with every text in it sanitised, and no more of it than `limits`.

    Infinity and NaN are no JSON, though Python reads them, also from 1e999: they are None.
    """
    if isinstance(value, str):
        return sanitise(value)[: limits.text]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, dict | list | tuple):
        return value
    if limits.depth == 0:
        return None
    inner = limits._replace(depth=limits.depth - 1)
    if isinstance(value, dict):
        return {
            sanitise(str(name))[: limits.name]: storable(entry, inner)
            for name, entry in islice(value.items(), limits.entries)
        }
    return [storable(entry, inner) for entry in value[: limits.entries]]
