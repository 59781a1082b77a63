"""A webhook as it came over the wire, before anybody has read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wedsync_comms.lib.errors import MalformedRequest


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """A request as it came. `url` is built from PUBLIC_URL, header names are lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Returns the body. Raises MalformedRequest if it is no JSON object."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise MalformedRequest("The body is not JSON.") from error
        if not isinstance(body, dict):
            raise MalformedRequest("The body is not a JSON object.")
        return body
