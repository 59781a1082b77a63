"""Graph's errors and those of the identity platform.

https://learn.microsoft.com/en-us/graph/errors
https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from sandbox.lib.times import iso, now

Json = dict[str, Any]

# What a fault says if it was given no name.
USUAL: Mapping[int, tuple[str, str]] = {
    400: ("BadRequest", "Invalid request."),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    404: ("ErrorItemNotFound", "The specified object was not found in the store."),
    409: ("ErrorIrresolvableConflict", "The item was changed by somebody else."),
    410: ("syncStateNotFound", "The sync state generation is not found."),
    412: (
        "ErrorIrresolvableConflict",
        "The item has changed: its change key is not the one passed in the request.",
    ),
    413: ("RequestEntityTooLarge", "The request is too large."),
    429: ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    500: ("InternalServerError", "The server had an internal error."),
    502: ("UnknownError", ""),
    503: ("ServiceUnavailable", "The service is unavailable."),
    504: ("UnknownError", ""),
}


class RefusedError(Exception):
    """Graph says no."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        usual = USUAL.get(status, ("UnknownError", ""))
        self.status = status
        self.code = code or usual[0]
        self.message = message or usual[1]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(self.code)


class OAuthRefusedError(Exception):
    """The identity platform says no."""

    def __init__(self, error: str, number: int, text: str, suberror: str = "") -> None:
        self.error = error
        self.number = number
        self.text = text
        self.suberror = suberror
        super().__init__(error)


def render(refused: RefusedError) -> Response:
    request_id = str(uuid4())
    inner = {"date": iso(now())[:19], "request-id": request_id, "client-request-id": request_id}
    error = {"code": refused.code, "message": refused.message, "innerError": inner}
    headers = {"request-id": request_id, **refused.headers}
    return JSONResponse({"error": error}, status_code=refused.status, headers=headers)


def render_oauth(refused: OAuthRefusedError) -> Response:
    trace = str(uuid4())
    body: Json = {
        "error": refused.error,
        "error_description": f"AADSTS{refused.number}: {refused.text} Trace ID: {trace}",
        "error_codes": [refused.number],
        "timestamp": iso(now()),
        "trace_id": trace,
        "correlation_id": str(uuid4()),
    }
    if refused.suberror:
        body["suberror"] = refused.suberror
    status = 401 if refused.error == "invalid_client" else 400
    return JSONResponse(body, status_code=status, headers={"cache-control": "no-store"})


def not_found() -> RefusedError:
    return RefusedError(404)


def bad(message: str, code: str = "ErrorInvalidRequest") -> RefusedError:
    return RefusedError(400, code, message)
