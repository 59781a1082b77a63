"""What Twilio refuses, and in which words. https://www.twilio.com/docs/api/errors"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

# code -> (status, message); {0} is the value that was refused
ERRORS: Mapping[int, tuple[int, str]] = {
    20001: (400, "Invalid parameter: {0}"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20009: (409, "Cannot change this Message because delivery of it has not been completed."),
    20404: (404, "The requested resource {0} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number: {0}"),
    21212: (400, "Invalid From Number (caller ID): {0}"),
    21266: (400, "'To' and 'From' number cannot be the same: {0}"),
    21408: (403, "Permission to send an SMS has not been enabled for the region: {0}"),
    21601: (400, "Phone number is not a valid SMS-capable inbound phone number: {0}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The From phone number {0} is not a valid, SMS-capable number of this account."),
    21609: (400, "The 'StatusCallback' URL {0} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (429, "This 'From' number {0} has exceeded the maximum number of queued messages."),
    21612: (400, "Message cannot be sent with the current combination of 'To' and/or 'From'"),
    21614: (400, "'To' number {0} is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21620: (400, "Invalid media URL(s): {0}"),
    21623: (400, "Number of media files exceeds allowed limit."),
    21624: (400, "Invalid validity period value"),
    21655: (400, "The ContentSid is Invalid"),
    21656: (400, "The Content Variables parameter is invalid."),
    21659: (400, "'From' {0} is not a Twilio phone number or Short Code country mismatch"),
    21660: (400, "Mismatch between the 'From' number {0} and the account"),
    21661: (400, "'From' number {0} is not SMS-capable"),
    21701: (404, "The Messaging Service resource {0} does not exist"),
    21703: (400, "The Messaging Service does not have a phone number available to send a message"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    30409: (409, "The message is not in a state in which it can be cancelled."),
    35114: (400, "A Messaging Service is required to schedule a message."),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63038: (429, "Account exceeded the daily messages limit"),
    35115: (400, "SendAt must be between 300 seconds and 35 days from now."),
}

# The code a status has when a fault asks for nothing but the status.
USUAL_CODES: Mapping[int, int] = {
    400: 20001,
    401: 20003,
    404: 20404,
    405: 20004,
    429: 20429,
    503: 20503,
}
UNNAMED = 20500
CHALLENGE = {"www-authenticate": 'Basic realm="Twilio API"'}

# What is only ever said of a message that was accepted, in ErrorCode.
LATER: Mapping[int, str] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30017: "Carrier network congestion",
    30022: "US A2P 10DLC - Rate Limits Exceeded",
    30032: "Toll-Free Number Has Not Been Verified",
    30034: "Message from an Unregistered Number",
    30036: "Validity Period Expired",
    30410: "Provider Timeout Error",
    30500: "Twilio Internal Error",
    63003: "Channel could not find To address",
    63016: "Failed to send freeform message because you are outside the allowed window.",
}


class RefusedError(Exception):
    """Answered with the error of that code."""

    def __init__(self, code: int, about: str = "") -> None:
        self.code = code
        self.status, message = ERRORS[code]
        self.message = message.format(about)
        super().__init__(self.message)


def render(error: RefusedError) -> Response:
    headers = CHALLENGE if error.status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(_body(error.code, error.message, error.status), error.status, headers)


def refusal(status: int, name: str) -> Response:
    """Returns any status under any code: a fault may answer what no document lists."""
    code = int(name) if name.isdecimal() else USUAL_CODES.get(status, UNNAMED)
    _, message = ERRORS.get(code, ERRORS[UNNAMED])
    return JSONResponse(_body(code, message.format(""), status), status)


def _body(code: int, message: str, status: int) -> dict[str, object]:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
