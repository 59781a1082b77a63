"""JSON as vendors send it: whatever is in a text, it arrives as it was written."""

import json
from typing import Any

from starlette.responses import JSONResponse


class EscapedJSON(JSONResponse):
    """In ASCII, so that a lone surrogate, which no UTF-8 has, can be told as well."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()
