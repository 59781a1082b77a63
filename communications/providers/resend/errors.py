"""What Resend refuses, and what that calls for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus

from resend.exceptions import NoContentError, ResendError

from communications.providers.resend.transport import header_number
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    SenderRejected,
    ServerFailed,
)

# https://resend.com/docs/api-reference/errors, by name first and then by HTTP status.
ERRORS: dict[str, type[ProviderError]] = {
    "missing_api_key": CredentialsRejected,
    "invalid_api_key": CredentialsRejected,
    "restricted_api_key": CredentialsRejected,
    "invalid_from_address": SenderRejected,
    "invalid_access": ConfigurationRejected,
    "invalid_region": ConfigurationRejected,
    "not_found": ConfigurationRejected,
    "method_not_allowed": ConfigurationRejected,
    "invalid_idempotency_key": PermanentError,
    "validation_error": ContentRejected,
    "missing_required_field": ContentRejected,
    "invalid_parameter": ContentRejected,
    "invalid_attachment": ContentRejected,
    "security_error": ContentRejected,
    # The first request with the key is still running, or was carried out with other bytes: either
    # way one with this key exists.
    "concurrent_idempotent_requests": OutcomeUnknown,
    "invalid_idempotent_request": OutcomeUnknown,
    "application_error": ServerFailed,
    "internal_server_error": ServerFailed,
}
# How long to leave a used-up quota alone where Resend does not say; it may be raised meanwhile.
QUOTA_PAUSES = {
    "daily_quota_exceeded": timedelta(hours=1),
    "monthly_quota_exceeded": timedelta(hours=6),
    # As receipts call it.
    "reached_monthly_quota": timedelta(hours=6),
}
KEY_REFUSED = "API key is invalid"
# https://resend.com/docs/knowledge-base/403-error-domain-mismatch, also of one mail of a batch.
SENDER_REFUSED = re.compile(r"`from`|domain is not verified|verify a domain|send emails from")
QUOTA_PAUSE = QUOTA_PAUSES["daily_quota_exceeded"]
# After any other 429 that does not say.
PAUSE = timedelta(seconds=1)


@contextmanager
def resend_errors() -> Iterator[None]:
    """Turns the SDK's errors into ours."""
    try:
        yield
    except ResendError as error:
        # The SDK reports every transport failure as a 500 of its own; the cause knows better.
        if isinstance(error.__context__, ProviderError):
            raise error.__context__ from None
        raise classify_resend_error(error) from error
    except NoContentError as error:
        raise OutcomeUnknown("Resend answered with nothing.", code="unreadable") from error


@contextmanager
def asking_errors() -> Iterator[None]:
    """Turns the SDK's errors into ours, and into LookupError where the key may only send."""
    try:
        with resend_errors():
            yield
    except CredentialsRejected as error:
        if error.code == "restricted_api_key":
            raise LookupError("The API key may send and nothing else.") from error
        raise


def classify_resend_error(error: ResendError) -> ProviderError:
    name, message = str(error.error_type), str(error.message)
    # An error may be in the body of a success, in whatever shape.
    status = error.code if isinstance(error.code, int) else HTTPStatus.INTERNAL_SERVER_ERROR
    response: dict[str, object] = {"status": status, "name": name, "message": message}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        asked = resend_retry_after(error)
        if "quota" in name:
            wait = asked or QUOTA_PAUSES.get(name, QUOTA_PAUSE)
            return QuotaExceeded(message, retry_after=wait, code=name, response=response)
        return RateLimited(message, retry_after=asked or PAUSE, code=name, response=response)
    return resend_error_class(status, name, message)(message, code=name, response=response)


def resend_error_class(status: int, name: str, message: str) -> type[ProviderError]:
    """Returns what an error calls for.

    The table comes first, the HTTP status second: Resend adds names without notice.
    """
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed
    if name in {"validation_error", "invalid_parameter"}:
        return validation_error_class(message, status)
    if SENDER_REFUSED.search(message):
        # Also of a key that is for one domain only.
        return SenderRejected
    denied = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return ERRORS.get(name, CredentialsRejected if denied else ContentRejected)


def validation_error_class(message: str, status: int = 0) -> type[ProviderError]:
    """Returns whether the key, the sender, the recipient or the content is refused.

    Resend names the field in the text only, between backquotes. `status` is that of the answer,
    and 0 for one mail of a batch. A 403 is about the domain: not verified, not the key's, or only
    for writing to the account's owner.
    """
    if status == HTTPStatus.UNAUTHORIZED or KEY_REFUSED in message:
        return CredentialsRejected
    if status == HTTPStatus.FORBIDDEN or SENDER_REFUSED.search(message):
        return SenderRejected
    return InvalidRecipient if "`to`" in message else ContentRejected


def resend_retry_after(error: ResendError) -> timedelta | None:
    seconds = header_number(error.headers or {}, "retry-after")
    return None if seconds is None else timedelta(seconds=max(0.1, seconds))
