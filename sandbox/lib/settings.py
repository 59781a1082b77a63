"""What may be changed while it runs, and what each value must look like."""

from collections.abc import Callable, Mapping
from typing import Any

from .faults import Json

Checks = Mapping[str, Callable[[Any], bool]]


def read_settings(wanted: Json, present: Json, checks: Checks) -> Json:
    """Returns the present settings with the wanted ones; a ValueError names what is wrong."""
    if unknown := set(wanted) - set(checks):
        raise ValueError(f"There is no setting called {', '.join(sorted(unknown))}.")
    for name, value in wanted.items():
        if not checks[name](value):
            raise ValueError(f"{name} cannot be {value!r}.")
    return {**present, **wanted}


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_rate(value: Any) -> bool:
    """Returns whether it is a rate per second; null means no limit."""
    return value is None or (is_whole(value) and value > 0)


def is_duration(value: Any) -> bool:
    return (is_whole(value) or isinstance(value, float)) and bool(value >= 0)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
