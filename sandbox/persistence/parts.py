"""What of a vendor is its world: each part names in ``KEPT`` which of its attributes are."""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

Json = dict[str, Any]


class OtherFormatError(ValueError):
    """The world was written by another version of the sandbox."""


@runtime_checkable
class Part(Protocol):
    KEPT: ClassVar[tuple[str, ...]]


@runtime_checkable
class Store(Protocol):
    """A container that is more than data, such as timers."""

    def dump(self) -> Any:
        """Returns what is in it as data."""

    def load(self, kept: Any, owner: object) -> None:
        """Takes in what was dumped; ``owner`` is the part it belongs to."""


@runtime_checkable
class Wired(Protocol):
    def rewire(self) -> None:
        """Joins what was read to its surroundings."""


def collect(part: Part) -> Json:
    return {name: _collected(getattr(part, name)) for name in part.KEPT}


def check(part: Part, kept: Any) -> None:
    """Raises an OtherFormatError unless ``restore`` can take it. Changes nothing."""
    if not isinstance(kept, Mapping) or set(kept) != set(part.KEPT):
        raise OtherFormatError(f"{type(part).__name__} consisted of other things.")
    for name, value in kept.items():
        present = getattr(part, name)
        for key, inner in _inner_parts(present).items():
            check(inner, value if key is None else value.get(key))


def restore(part: Part, kept: Mapping[str, Any]) -> None:
    for name, value in kept.items():
        present = getattr(part, name)
        inner = _inner_parts(present)
        for key, inner_part in inner.items():
            restore(inner_part, value if key is None else value[key])
        if not inner:
            _fill(part, name, value)
    if isinstance(part, Wired):
        part.rewire()


def _collected(value: Any) -> Any:
    if isinstance(value, Store):
        return value.dump()
    if isinstance(value, Part):
        return collect(value)
    if _is_dictionary_of_parts(value):
        return {key: collect(inner) for key, inner in value.items()}
    return value


def _inner_parts(value: Any) -> dict[str | None, Part]:
    """Returns the part that a value is, without a key, or the parts that a dictionary holds."""
    if isinstance(value, Part):
        return {None: value}
    return dict(value) if _is_dictionary_of_parts(value) else {}


def _is_dictionary_of_parts(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(inner, Part) for inner in value.values())


def _fill(part: Part, name: str, value: Any) -> None:
    """In place where it is a container: others may hold it too."""
    present = getattr(part, name)
    if isinstance(present, Store):
        present.load(value, part)
    elif isinstance(present, dict | set):
        present.clear()
        present.update(value)
    elif isinstance(present, list | deque):
        present.clear()
        present.extend(value)
    else:
        setattr(part, name, value)
