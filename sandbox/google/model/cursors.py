"""Page and sync tokens: opaque to whoever holds them."""

import base64
import json
from typing import Any

Json = dict[str, Any]


def seal(content: Json) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unseal(token: str) -> Json | None:
    """Opens a cursor; None if it is none of ours."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        content = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
