"""What Twilio refuses, and what that calls for. https://www.twilio.com/docs/api/errors"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from communications.providers.twilio.transport import PooledTwilioClient
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OptedOut,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RouteRejected,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.shapes import as_int

# At the call as well as in receipts.
ERRORS: dict[int, type[ProviderError]] = {
    20003: CredentialsRejected,
    20005: ConfigurationRejected,
    20008: ConfigurationRejected,
    20404: ConfigurationRejected,
    21212: ConfigurationRejected,
    21601: ConfigurationRejected,
    21603: ConfigurationRejected,
    21606: ConfigurationRejected,
    21701: ConfigurationRejected,
    30002: ConfigurationRejected,
    90010: ConfigurationRejected,
    21211: InvalidRecipient,
    21217: InvalidRecipient,
    21265: InvalidRecipient,
    21614: InvalidRecipient,
    21635: InvalidRecipient,
    30005: InvalidRecipient,
    30006: InvalidRecipient,
    63003: InvalidRecipient,
    63024: InvalidRecipient,
    21610: OptedOut,
    30004: OptedOut,
    63014: OptedOut,
    21268: RouteRejected,
    21408: RouteRejected,
    21608: RouteRejected,
    21612: RouteRejected,
    21602: ContentRejected,
    21609: ContentRejected,
    21617: ContentRejected,
    21619: ContentRejected,
    21620: ContentRejected,
    21623: ContentRejected,
    21655: ContentRejected,
    21656: ContentRejected,
    30007: ContentRejected,
    30032: ContentRejected,
    30034: ContentRejected,
    32017: ContentRejected,
    63013: ContentRejected,
    63016: ContentRejected,
    90007: ContentRejected,
    20429: RateLimited,
    21611: RateLimited,
    63018: RateLimited,
    63032: RateLimited,
    20500: ServerFailed,
    20503: ServerFailed,
    # Only in receipts: Twilio took it, and it never reached the carrier or the handset.
    30001: TransientError,
    30003: TransientError,
    30017: TransientError,
    30022: TransientError,
    30023: TransientError,
    30036: TransientError,
    30410: TransientError,
    30500: TransientError,
    # "Unknown error": it may have arrived.
    30008: OutcomeUnknown,
}
# How long Twilio wants to be left alone, where it does not say.
PAUSES = {21611: timedelta(minutes=5), 63018: timedelta(minutes=1), 63032: timedelta(minutes=10)}
PAUSE = timedelta(seconds=1)

# What staff reads; the codes are those whose own text does not say what to do.
REASONS = {
    21610: "The recipient replied STOP. They can reply START to hear from you again.",
    30001: "Twilio's queue was full: it is sent again.",
    30003: "The handset is off or out of reach.",
    30004: "The recipient or their carrier blocks this number.",
    30005: "The number does not exist, or not any more: ask for another.",
    30006: "A landline, or a carrier that takes no SMS: use another channel.",
    30007: "The carrier filtered it as spam: reword it, or register the sender.",
    30008: "The carrier gave no reason. It may have arrived.",
    30034: "The number is not registered for business messages (A2P 10DLC).",
    63016: "WhatsApp's 24-hour window is closed: use a template.",
}

# What the SDK raises for an answer that is not what it expects.
UNREADABLE = (TwilioException, ValueError, TypeError, AttributeError, KeyError)


@contextmanager
def twilio_errors(http: PooledTwilioClient) -> Iterator[None]:
    """Turns the SDK's errors into ours. The transport's come as ours already."""
    try:
        yield
    except (TwilioRestException, TwilioServiceException) as error:
        raise classify_twilio_error(error, http.retry_after) from error
    except UNREADABLE as error:
        why = f"Twilio's answer is unreadable: {error}"
        raise OutcomeUnknown(why, code="unreadable") from error


def classify_twilio_error(
    error: TwilioRestException | TwilioServiceException,
    retry_after: timedelta | None,
) -> ProviderError:
    code, status = as_int(error.code, 0), as_int(error.status, 0)
    message = str(error.msg if isinstance(error, TwilioRestException) else problem_text(error))
    response: dict[str, object] = {"status": status, "code": code, "message": message}
    kind = twilio_error_class(status, code)
    if kind is RateLimited:
        wait = retry_after or PAUSES.get(code, PAUSE)
        return RateLimited(message, retry_after=wait, code=str(code), response=response)
    return kind(message, code=str(code), response=response)


def twilio_error_class(status: int, code: int) -> type[ProviderError]:
    """Returns what an error calls for.

    The table comes first, the HTTP status second: Twilio adds codes without notice.
    """
    if code in ERRORS:
        return ERRORS[code]
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed
    if status < HTTPStatus.BAD_REQUEST:
        return OutcomeUnknown
    return CredentialsRejected if status == HTTPStatus.UNAUTHORIZED else ContentRejected


def problem_text(error: TwilioServiceException) -> str:
    """https://www.rfc-editor.org/rfc/rfc9457, how Twilio's newer services word an error."""
    return f"{error.title}: {error.detail}" if error.detail else str(error.title)
