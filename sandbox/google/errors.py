"""What Google refuses, and in which words; each API has its own form.

https://developers.google.com/workspace/calendar/api/guides/errors
https://cloud.google.com/apis/design/errors
https://www.rfc-editor.org/rfc/rfc6749#section-5.2
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

Json = dict[str, Any]

# reason -> (status, domain, message)
ERRORS: Mapping[str, tuple[int, str, str]] = {
    "badRequest": (400, "global", "Bad Request"),
    "invalid": (400, "global", "Invalid Value"),
    "invalidParameter": (400, "global", "Invalid Value"),
    "required": (400, "global", "Required"),
    "parseError": (400, "global", "Parse Error"),
    "timeRangeEmpty": (400, "calendar", "The specified time range is empty."),
    "timeRangeTooLong": (400, "calendar", "The requested time range is too long."),
    "channelIdNotUnique": (400, "calendar", "Channel id not unique"),
    "push.webhookUrlNotHttps": (400, "global", "WebHook callback must be HTTPS"),
    "pushNotSupportedForRequestedResource": (
        400,
        "calendar",
        "Push notifications are not supported by this resource.",
    ),
    "authError": (401, "global", "Invalid Credentials"),
    "forbidden": (403, "global", "Forbidden"),
    "forbiddenForNonOrganizer": (
        403,
        "calendar",
        "Shared properties can only be changed by the organizer of the event.",
    ),
    "insufficientPermissions": (403, "global", "Insufficient Permission"),
    "requiredAccessLevel": (403, "calendar", "You need to have writer access to this calendar."),
    "rateLimitExceeded": (403, "usageLimits", "Rate Limit Exceeded"),
    "userRateLimitExceeded": (403, "usageLimits", "User Rate Limit Exceeded"),
    "dailyLimitExceeded": (403, "usageLimits", "Daily Limit Exceeded"),
    "quotaExceeded": (403, "usageLimits", "Calendar usage limits exceeded."),
    "notFound": (404, "global", "Not Found"),
    "duplicate": (409, "global", "The requested identifier already exists."),
    "conflict": (409, "global", "Conflict"),
    "deleted": (410, "global", "Resource has been deleted"),
    "fullSyncRequired": (
        410,
        "calendar",
        "Sync token is no longer valid, a full sync is required.",
    ),
    "updatedMinTooLongAgo": (
        410,
        "calendar",
        "The requested minimum modification time lies too far in the past.",
    ),
    "conditionNotMet": (412, "global", "Precondition Failed"),
    "uploadTooLarge": (413, "global", "Request Too Large"),
    "backendError": (500, "global", "Backend Error"),
}
USUAL_REASONS: Mapping[int, str] = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    410: "deleted",
    412: "conditionNotMet",
    413: "uploadTooLarge",
    429: "rateLimitExceeded",
}
# google.rpc.Code -> status
RPC: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
RPC_OF = {status: code for code, status in reversed(list(RPC.items()))}


class RefusedError(Exception):
    """Answered with ``status`` and ``body``."""

    def __init__(self, status: int, body: Json) -> None:
        self.status = status
        self.body = body
        super().__init__(str(body))


class CalendarRefusedError(RefusedError):
    def __init__(
        self, reason: str, message: str = "", *, location: str = "", status: int = 0
    ) -> None:
        self.reason = reason
        usual_status, domain, usual = ERRORS.get(reason, ERRORS["backendError"])
        detail: Json = {"domain": domain, "reason": reason, "message": message or usual}
        if location:
            header = location in ("If-Match", "Authorization")
            detail |= {"locationType": "header" if header else "parameter", "location": location}
        code = status or usual_status
        body = {"error": {"errors": [detail], "code": code, "message": message or usual}}
        super().__init__(code, body)


class PeopleRefusedError(RefusedError):
    def __init__(self, code: str, message: str, *, reason: str = "") -> None:
        error: Json = {"code": RPC[code], "message": message, "status": code}
        if reason:
            info = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": info, "reason": reason, "domain": "googleapis.com"}]
        super().__init__(RPC[code], {"error": error})


class OAuthRefusedError(RefusedError):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(status, {"error": error, "error_description": description})


def render(error: RefusedError) -> Response:
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'}
    return JSONResponse(error.body, error.status, headers if error.status == 401 else None)  # noqa: PLR2004


def refusal(status: int, reason: str) -> Response:
    """Returns any status for any reason, readable as an error of either API."""
    reason = reason or USUAL_REASONS.get(status, "backendError")
    error = CalendarRefusedError(reason, status=status)
    error.body["error"]["status"] = RPC_OF.get(status, "UNKNOWN")
    return render(error)
