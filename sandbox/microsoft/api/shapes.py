"""Which properties there are, and what kind of value each of them takes."""

from collections.abc import Collection, Mapping
from typing import Any

from sandbox.microsoft.errors import bad

Json = dict[str, Any]


def check(given: Json, kinds: Mapping[str, type], others: Collection[str], of: str) -> None:
    """Checks the kinds; ``others`` may be named as well; null is a value of every kind."""
    for name, value in given.items():
        wanted = kinds.get(name)
        if wanted is None and name not in others and not name.startswith("@odata."):
            raise bad(f"The property '{name}' does not exist on type '{of}'.", "RequestBodyRead")
        if wanted and value is not None and not isinstance(value, wanted):
            raise bad(f"Cannot convert the value of {name} to the expected type.", "BadRequest")
