"""What Resend refuses, and in which words. https://resend.com/docs/api-reference/errors"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

FORMAT = (
    "The email address needs to follow the `email@example.com` "
    "or `Name <email@example.com>` format."
)

# name -> (status, message)
ERRORS: Mapping[str, tuple[int, str]] = {
    "invalid_idempotency_key": (400, "The key must be between 1-256 chars."),
    "validation_error": (422, "We found an error with one or more fields in the request."),
    "missing_api_key": (401, "Missing API key in the authorization header."),
    "restricted_api_key": (401, "This API key is restricted to only send emails."),
    "invalid_api_key": (403, "API key is invalid."),
    "not_found": (404, "The requested endpoint does not exist."),
    "method_not_allowed": (405, "Method is not allowed for the requested path."),
    "concurrent_idempotent_requests": (
        409,
        "Same idempotency key used while original request is still in progress.",
    ),
    "invalid_idempotent_request": (
        409,
        "Same idempotency key used with a different request payload.",
    ),
    "invalid_attachment": (422, "Attachment must have either a `content` or `path`."),
    "invalid_from_address": (422, f"Invalid `from` field. {FORMAT}"),
    "invalid_access": (422, 'Access must be "full_access" | "sending_access".'),
    "invalid_parameter": (422, "The parameter must be a valid UUID."),
    "invalid_region": (422, 'Region must be "us-east-1" | "eu-west-1" | "sa-east-1".'),
    "missing_required_field": (
        422,
        "The request body is missing one or more required fields.",
    ),
    "rate_limit_exceeded": (
        429,
        "Too many requests. Please limit the number of requests per second.",
    ),
    "daily_quota_exceeded": (429, "You have reached your daily email sending quota."),
    "monthly_quota_exceeded": (429, "You have reached your monthly email sending quota."),
    "security_error": (451, "We may have found a security issue with the request."),
    "application_error": (500, "An unexpected error occurred."),
    "internal_server_error": (500, "An unexpected error occurred."),
}

# The name a status has when a fault asks for nothing but the status.
USUAL_NAMES: Mapping[int, str] = {
    400: "validation_error",
    401: "missing_api_key",
    403: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    409: "concurrent_idempotent_requests",
    422: "validation_error",
    429: "rate_limit_exceeded",
    451: "security_error",
}
UNNAMED = "application_error"


class RefusedError(Exception):
    """Answered with the error of that name."""

    def __init__(self, name: str, message: str = "", status: int = 0) -> None:
        usual_status, usual_message = ERRORS[name]
        self.name = name
        self.status = status or usual_status
        self.message = message or usual_message
        super().__init__(self.message)


def render(error: RefusedError) -> Response:
    body = {"statusCode": error.status, "name": error.name, "message": error.message}
    return JSONResponse(body, status_code=error.status)


def refusal(status: int, name: str) -> Response:
    """Returns any status under any name: a fault may answer what no document lists."""
    name = name or USUAL_NAMES.get(status, UNNAMED)
    _, message = ERRORS.get(name, ERRORS[UNNAMED])
    body = {"statusCode": status, "name": name, "message": message}
    return JSONResponse(body, status_code=status)
