"""What Twilio refuses, and what that calls for. https://www.twilio.com/docs/api/errors"""

import re
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
    ExpiredUnsent,
    InvalidRecipient,
    OptedOut,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    RecipientUnreachable,
    RouteRejected,
    SenderBusy,
    SenderRejected,
    SenderRejectedForRegion,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.shapes import as_int

# At the call as well as in receipts: what it calls for. Three questions decide: did it leave, can
# it arrive this way, and when is a repetition of use?
ERRORS: dict[int, type[ProviderError]] = {
    # --- the account: it did not leave, and nobody's will
    20003: CredentialsRejected,
    20005: ConfigurationRejected,
    20008: ConfigurationRejected,
    20404: ConfigurationRejected,
    30002: ConfigurationRejected,
    90010: ConfigurationRejected,
    63038: QuotaExceeded,
    20429: RateLimited,
    63017: RateLimited,
    # Between two numbers: 30 messages that follow each other within half a minute.
    14107: RateLimited,
    # --- the sender: it did not leave; from another sender it may
    14102: SenderRejected,
    21212: SenderRejected,
    21601: SenderRejected,
    21603: SenderRejected,
    21606: SenderRejected,
    21616: SenderRejected,
    21659: SenderRejected,
    21660: SenderRejected,
    21661: SenderRejected,
    21701: SenderRejected,
    21703: SenderRejected,
    21704: SenderRejected,
    21705: SenderRejected,
    63001: SenderRejected,
    63002: SenderRejected,
    63007: SenderRejected,
    63008: SenderRejected,
    63020: SenderRejected,
    63112: SenderRejected,
    # It is registered with no carrier of that country: US A2P 10DLC, toll-free numbers.
    30024: SenderRejectedForRegion,
    30032: SenderRejectedForRegion,
    30033: SenderRejectedForRegion,
    30034: SenderRejectedForRegion,
    30035: SenderRejectedForRegion,
    # Its queue is full, or it has had its share: others have not.
    21611: SenderBusy,
    63018: SenderBusy,
    # --- the recipient: it cannot arrive
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
    63014: OptedOut,
    # --- the way from this sender to this recipient: another channel may do
    21268: RouteRejected,
    21408: RouteRejected,
    21608: RouteRejected,
    21612: RouteRejected,
    21910: RouteRejected,
    # Out of reach, a landline, a filter, a do-not-disturb register: no word of the person's.
    30004: RouteRejected,
    # What one carrier takes from us in a day; other carriers take more.
    30023: RouteRejected,
    30027: RouteRejected,
    30040: RouteRejected,
    # Meta does not deliver this one: an experiment, or its cap on marketing.
    63032: PermanentError,
    63049: PermanentError,
    # --- the content
    21602: ContentRejected,
    21609: ContentRejected,
    21617: ContentRejected,
    21619: ContentRejected,
    21620: ContentRejected,
    21623: ContentRejected,
    21655: ContentRejected,
    21656: ContentRejected,
    30007: ContentRejected,
    32017: ContentRejected,
    63013: ContentRejected,
    63016: ContentRejected,
    90007: ContentRejected,
    # --- Twilio itself
    20500: ServerFailed,
    20503: ServerFailed,
    # Only in receipts: Twilio took it, and it never reached the carrier.
    30001: TransientError,
    30021: TransientError,
    30036: ExpiredUnsent,
    30500: TransientError,
    # The carrier turned it down as too fast.
    30022: RateLimited,
    # It left, and the phone or the network was not there to take it.
    30003: RecipientUnreachable,
    30017: RecipientUnreachable,
    # It may have arrived: no reason is given, or "not retried to avoid duplicate delivery".
    30008: OutcomeUnknown,
    30410: OutcomeUnknown,
    63012: OutcomeUnknown,
}
# How long Twilio wants to be left alone, where it does not say.
PAUSES = {
    14107: timedelta(seconds=30),
    21611: timedelta(minutes=5),
    30022: timedelta(minutes=1),
    63018: timedelta(minutes=1),
    # Of a rolling day; it may be raised meanwhile.
    63038: timedelta(hours=1),
}
PAUSE = timedelta(seconds=1)
# It is the pair of sender and recipient that is paused.
PAIR_LIMIT = 14107
# Of a code that is in no table yet: Twilio quotes the parameter that it means.
SENDER_REFUSED = re.compile(r"(?i)'from'(?!.*'to')")

# What staff reads; the codes are those whose own text does not say what to do.
REASONS = {
    14107: "Too many messages between these two numbers within half a minute: it never left.",
    21610: "The recipient replied STOP. They can reply START to hear from you again.",
    30001: "Twilio's queue was full: it never left.",
    30003: "It left, and the handset is off or out of reach.",
    30004: "Blocked on its way, by the carrier, a register or the phone itself.",
    30005: "The number does not exist, or not any more: ask for another.",
    30006: "A landline, or a carrier that takes no SMS: use another channel.",
    30007: "The carrier filtered it as spam: reword it, or register the sender.",
    30008: "The carrier gave no reason. It may have arrived.",
    30036: "It waited at Twilio for as long as it may: it never left.",
    30410: "The carrier gave no answer. It may have arrived.",
    30034: "The number is not registered for business messages to the USA (A2P 10DLC).",
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
    kind = twilio_error_class(status, code, message)
    wait = retry_after or PAUSES.get(code, PAUSE)
    if code == PAIR_LIMIT:
        return RateLimited(
            message, retry_after=wait, code=str(code), response=response, for_recipient=True
        )
    if issubclass(kind, RateLimited | QuotaExceeded | SenderBusy):
        return kind(message, retry_after=wait, code=str(code), response=response)
    return kind(message, code=str(code), response=response)


def twilio_error_class(status: int, code: int, message: str = "") -> type[ProviderError]:
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
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsRejected
    return SenderRejected if SENDER_REFUSED.search(message) else ContentRejected


def problem_text(error: TwilioServiceException) -> str:
    """https://www.rfc-editor.org/rfc/rfc9457, how Twilio's newer services word an error."""
    return f"{error.title}: {error.detail}" if error.detail else str(error.title)
