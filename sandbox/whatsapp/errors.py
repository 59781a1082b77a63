"""What Meta refuses, at once or later, and in which words.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

Json = dict[str, Any]

HELP = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"

# code -> (status, message, details)
ERRORS: Mapping[int, tuple[int, str, str]] = {
    1: (500, "An unknown error occurred", ""),
    2: (503, "Service temporarily unavailable", ""),
    3: (403, "Application does not have the capability to make this API call.", ""),
    4: (400, "Application request limit reached", ""),
    10: (403, "Application does not have permission for this action", ""),
    33: (400, "The business phone number has been deleted", ""),
    100: (400, "Invalid parameter", ""),
    104: (401, "An access token is required to request this resource.", ""),
    190: (401, "Invalid OAuth access token - Cannot parse access token", ""),
    200: (403, "Permissions error", ""),
    368: (403, "Temporarily blocked for policies violations", ""),
    2500: (400, "Unknown path components", ""),
    80007: (400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130429: (429, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: (400, "User's number is part of an experiment", ""),
    130497: (403, "Business account is restricted from messaging users in this country.", ""),
    131000: (500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: (403, "Access denied", ""),
    131008: (400, "Required parameter is missing", ""),
    131009: (400, "Parameter value is not valid", ""),
    131016: (503, "Service unavailable", ""),
    131021: (400, "Recipient cannot be sender", "Recipient cannot be the sender's own number."),
    131026: (400, "Message undeliverable", "Message Undeliverable."),
    131030: (400, "Recipient phone number not in allowed list", ""),
    131031: (403, "Account has been locked", ""),
    131042: (400, "Business eligibility payment issue", ""),
    131045: (500, "Incorrect certificate", ""),
    131047: (
        400,
        "Re-engagement message",
        (
            "Message failed to send because more than 24 hours have passed since the customer last "
            "replied to this number."
        ),
    ),
    131048: (400, "Spam rate limit hit", "Too many of this number's messages were blocked."),
    131049: (
        400,
        "Meta chose not to deliver.",
        ("This message was not delivered to maintain healthy ecosystem engagement."),
    ),
    131050: (
        400,
        "User has stopped marketing messages from you.",
        (
            "Unable to deliver the message. This recipient has chosen to stop receiving marketing "
            "messages on WhatsApp from your business"
        ),
    ),
    131051: (400, "Unsupported message type", ""),
    131052: (400, "Media download error", ""),
    131053: (400, "Media upload error", ""),
    131056: (
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        (
            "Message failed to send because there were too many messages sent from this phone "
            "number to the same phone number in a short period of time."
        ),
    ),
    131057: (500, "Account in maintenance mode", ""),
    131062: (
        400,
        "Business-scoped User ID (BSUID) recipients are not supported for this message.",
        "",
    ),
    132000: (400, "Number of parameters does not match the expected number of params", ""),
    132001: (404, "Template name does not exist in the translation", ""),
    132005: (400, "Translated text too long", ""),
    132007: (400, "Template format character policy violated", ""),
    132012: (400, "Parameter format does not match format in the created template", ""),
    132015: (400, "Template is paused", "The template is paused due to low quality."),
    132016: (400, "Template is disabled", "The template has been paused too often."),
    132018: (400, "There was an issue with the parameters in your template.", ""),
    133004: (503, "Server Temporarily Unavailable", ""),
    133010: (400, "Account not registered", ""),
    135000: (400, "Generic user error", ""),
}
FIRST_OWN = 100_000
UNKNOWN = (500, "An unknown error has occurred.", "")

# The code a status has when a fault asks for nothing but the status.
USUAL_CODES: Mapping[int, int] = {
    400: 100,
    401: 190,
    403: 10,
    404: 132001,
    429: 130429,
    500: 131000,
    503: 131016,
}
TRANSIENT = frozenset({2, 4, 80007, 131016, 133004})


class RefusedError(Exception):
    """Answered with the error of that code."""

    def __init__(
        self, code: int, details: str = "", *, message: str = "", subcode: int | None = None
    ) -> None:
        self.code = code
        self.status, usual_message, usual_details = ERRORS[code]
        self.message = message or usual_message
        self.details = details or usual_details
        self.subcode = subcode
        super().__init__(self.message)


def render(error: RefusedError) -> Response:
    return JSONResponse(_body(error), error.status)


def refusal(status: int, name: str) -> Response:
    """Returns any status under any code: a fault may answer what no document lists."""
    code = int(name) if name.isdecimal() else USUAL_CODES.get(status, 1)
    error = RefusedError(code if code in ERRORS else 1)
    error.code, error.status = code, status
    return render(error)


def _body(error: RefusedError) -> Json:
    # Only the codes of WhatsApp itself are repeated in the message.
    own = error.code >= FIRST_OWN
    shown: Json = {
        "message": f"(#{error.code}) {error.message}" if own else error.message,
        "type": "GraphMethodException" if error.subcode else "OAuthException",
        "code": error.code,
        "fbtrace_id": "A" + secrets.token_urlsafe(17),
    }
    if error.subcode is not None:
        shown["error_subcode"] = error.subcode
    if error.code in TRANSIENT:
        shown["is_transient"] = True
    if error.details:
        shown["error_data"] = {"messaging_product": "whatsapp", "details": error.details}
    return {"error": shown}


def later(code: int, details: str = "") -> Json:
    """Returns it as it stands in the ``errors`` of a webhook."""
    _, message, usual = ERRORS.get(code, UNKNOWN)
    return {
        "code": code,
        "title": message,
        "message": message,
        "error_data": {"details": details or usual or message},
        "href": HELP,
    }
