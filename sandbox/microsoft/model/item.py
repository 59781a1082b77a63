"""What a mailbox holds: something with two ids, a change key and a place in its history."""

import base64
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.microsoft.errors import bad

Json = dict[str, Any]

# https://learn.microsoft.com/en-us/graph/api/resources/extended-properties-overview
PROPERTY_ID = re.compile(
    r"(?:String|Integer|Boolean|SystemTime|StringArray) "
    r"(?:\{[0-9a-fA-F-]{36}\} (?:Name .+|Id 0x[0-9a-fA-F]+)|0x[0-9a-fA-F]+)"
)
# The name under which the product is expected to keep its own id.
OUR_NAME = "wedsync"


def new_id(prefix: str = "AAMkAD") -> str:
    return f"{prefix}{secrets.token_urlsafe(48)}AAA="


@dataclass
class Item:
    """``folder`` is its calendar or its contact folder; ``fields`` are as Graph names them."""

    folder: str
    fields: Json
    created_at: datetime
    modified_at: datetime
    # Changes when it moves to another folder; the other one never does.
    id: str = field(default_factory=new_id)
    immutable_id: str = field(default_factory=lambda: new_id("AAkALgAAAAAAHY"))
    # Its place in the history of the mailbox.
    sequence: int = 0
    properties: dict[str, str] = field(default_factory=dict)
    removed: bool = False

    @property
    def is_gone(self) -> bool:
        return self.removed

    @property
    def change_key(self) -> str:
        return base64.b64encode(f"{self.sequence:012d}".encode()).decode()

    @property
    def etag(self) -> str:
        return f'W/"{self.change_key}"'

    def shown_id(self, *, immutable: bool) -> str:
        return self.immutable_id if immutable else self.id

    @property
    def key(self) -> str:
        """Returns what the product calls it."""
        return next((v for k, v in self.properties.items() if k.endswith(f" Name {OUR_NAME}")), "")


def property_id(text: str) -> str:
    """Returns the id to compare, without regard to the case of its GUID."""
    kind, _, rest = text.partition(" ")
    if not PROPERTY_ID.fullmatch(text):
        raise bad(f"The extended property id '{text}' is malformed.", "ErrorInvalidProperty")
    guid, space, name = rest.partition(" ")
    return f"{kind} {guid.lower()}{space}{name}"


def read_properties(given: Any) -> dict[str, str]:
    if not isinstance(given, list):
        raise bad("singleValueExtendedProperties is a collection.")
    found: dict[str, str] = {}
    for property_ in given:
        if not isinstance(property_, dict) or not isinstance(property_.get("value"), str):
            raise bad("An extended property has an id and a value.")
        found[property_id(str(property_.get("id")))] = property_["value"]
    return found
