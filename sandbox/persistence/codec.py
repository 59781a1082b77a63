"""Values as JSON and back: containers, moments, bytes, and the dataclasses that are named.

A dataclass is written out where it is met first and referred to by number from then on, because
vendors' things refer to each other: an access token to its grant, an occurrence to its series.
"""

import base64
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from datetime import date, datetime, timedelta
from types import NoneType
from typing import Any

Json = dict[str, Any]

# Says what an object of JSON stands for, if for anything but a dictionary with names as keys.
TAG = "$"
PLAIN = frozenset({str, int, float, bool, NoneType})
MAPPINGS = frozenset({dict, OrderedDict, Counter})
SEQUENCES: Mapping[type, str] = {tuple: "tuple", set: "set", frozenset: "frozenset", deque: "deque"}
TEXTS: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    timedelta: ("timedelta", lambda value: repr(value.total_seconds())),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
}
FROM_ITEMS: Mapping[str, Callable[[list[Any]], Any]] = {
    **{name: kind for kind, name in SEQUENCES.items()},
    "mapping": dict,
}
FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "timedelta": lambda text: timedelta(seconds=float(text)),
    "bytes": base64.b64decode,
}


def wiring() -> dict[str, bool]:
    """Returns the metadata of a field that joins an object to its surroundings: not written."""
    return {"kept": False}


def kept_fields(kind: type) -> list[str]:
    every: tuple[Field[Any], ...] = fields(kind)
    return [field.name for field in every if field.metadata.get("kept", True)]


class Encoder:
    """One world's values, written in one go: a number means the same object in all of them."""

    def __init__(self, kinds: Iterable[type]) -> None:
        self._fields = {kind: kept_fields(kind) for kind in kinds}
        self._numbers: dict[int, int] = {}

    def encode(self, value: Any) -> Any:
        """Raises a TypeError for what is neither data nor one of the dataclasses."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind is list:
            return [self.encode(item) for item in value]
        if kind in MAPPINGS:
            return self._mapping(value)
        if kind in self._fields:
            return self._object(kind, value)
        return self._tagged(kind, value)

    def _tagged(self, kind: type, value: Any) -> Json:
        if kind in SEQUENCES:
            return {TAG: SEQUENCES[kind], "items": [self.encode(item) for item in value]}
        if kind in TEXTS:
            name, write = TEXTS[kind]
            return {TAG: name, "text": write(value)}
        raise TypeError(f"{kind.__name__} is not kept.")

    def _mapping(self, value: Mapping[Any, Any]) -> Json:
        if all(type(key) is str for key in value) and TAG not in value:
            return {key: self.encode(item) for key, item in value.items()}
        pairs = [[self.encode(key), self.encode(item)] for key, item in value.items()]
        return {TAG: "mapping", "items": pairs}

    def _object(self, kind: type, value: Any) -> Json:
        if (number := self._numbers.get(id(value))) is not None:
            return {TAG: "again", "number": number}
        number = self._numbers[id(value)] = len(self._numbers)
        written = {name: self.encode(getattr(value, name)) for name in self._fields[kind]}
        return {TAG: kind.__name__, "number": number, "fields": written}


class Decoder:
    """Reads what one Encoder wrote, in the same order.

    Raises a ValueError, KeyError or TypeError for anything else, also for a dataclass that has
    other fields by now.
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._objects: dict[int, Any] = {}

    def decode(self, given: Any) -> Any:
        if isinstance(given, list):
            return [self.decode(item) for item in given]
        if not isinstance(given, dict):
            return given
        if TAG not in given:
            return {key: self.decode(item) for key, item in given.items()}
        return self._tagged(given[TAG], given)

    def _tagged(self, name: str, given: Json) -> Any:
        if name == "again":
            return self._objects[given["number"]]
        if name in FROM_ITEMS:
            return FROM_ITEMS[name]([self.decode(item) for item in given["items"]])
        if name in FROM_TEXT:
            return FROM_TEXT[name](given["text"])
        return self._object(self._kinds[name], given)

    def _object(self, kind: type, given: Json) -> Any:
        written = given["fields"]
        if set(written) != set(kept_fields(kind)):
            raise ValueError(f"{kind.__name__} had other fields.")
        # Known before its fields are read, for they may refer to it.
        made: object = object.__new__(kind)
        self._objects[given["number"]] = made
        for name, value in written.items():
            # Also where the dataclass is frozen.
            object.__setattr__(made, name, self.decode(value))
        return made
