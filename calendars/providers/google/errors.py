"""What Google's refusals mean.

https://developers.google.com/workspace/calendar/api/guides/errors
https://developers.google.com/people/v1/errors
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from calendars.providers.base import Changed, CursorExpired, Gone, PollOnly, SubscriptionExists
from calendars.providers.responses import (
    RATE_LIMIT_PAUSE,
    SERVER_ERROR,
    vendor_failure,
)
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    CredentialsRejected,
    PermanentError,
    ProviderError,
    RateLimited,
    ServerFailed,
)
from wedsync_comms.lib.http import Response
from wedsync_comms.lib.outside_json import read_json
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text


class EventIdTaken(PermanentError):
    """An event of this id exists, or did once."""


# The reason decides; it is more exact than the status beside it.
REASONS: dict[str, type[ProviderError]] = {
    "authError": CredentialsRejected,
    **dict.fromkeys(
        (
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "quotaExceeded",
            "dailyLimitExceeded",
            "RATE_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
        ),
        RateLimited,
    ),
    "notFound": Gone,
    "deleted": Gone,
    "duplicate": EventIdTaken,
    **dict.fromkeys(("fullSyncRequired", "updatedMinTooLongAgo"), CursorExpired),
    "EXPIRED_SYNC_TOKEN": CursorExpired,
    **dict.fromkeys(("conditionNotMet", "FAILED_PRECONDITION"), Changed),
    "pushNotSupportedForRequestedResource": PollOnly,
    "channelIdNotUnique": SubscriptionExists,
    **dict.fromkeys(
        ("push.webhookUrlNotHttps", "push.webhookUrlUnauthorized", "accessNotConfigured"),
        ConfigurationRejected,
    ),
}
STATUSES: dict[int, type[ProviderError]] = {
    401: CredentialsRejected,
    404: Gone,
    409: Changed,
    410: Gone,
    412: Changed,
    429: RateLimited,
}
# What is used up comes back within hours, not within seconds.
PAUSES = {"quotaExceeded": timedelta(hours=2), "dailyLimitExceeded": timedelta(hours=6)}
# Google says it in many ways: only the message tells it from a limit of requests.
USAGE = "usage limits exceeded"
# A token that cannot be read at all, which is no 410.
SYNC_TOKEN = "syncToken"  # noqa: S105


def google_error(answer: Response, *, is_safe: bool) -> ProviderError:
    error = as_dict(google_error_body(answer.content).get("error"))
    message = as_text(error.get("message"))
    reason = google_reason(error)
    if USAGE in message.lower():
        reason = "quotaExceeded"
    return vendor_failure(
        google_error_kind(answer.status, reason, error),
        answer,
        code=reason,
        message=message,
        is_safe=is_safe,
        least=PAUSES.get(reason, RATE_LIMIT_PAUSE),
    )


def google_error_kind(status: int, reason: str, error: Mapping[str, Any]) -> type[ProviderError]:
    if any(item.get("location") == SYNC_TOKEN for item in as_dicts(error.get("errors"))):
        return CursorExpired
    if reason in REASONS:
        return REASONS[reason]
    return ServerFailed if status >= SERVER_ERROR else STATUSES.get(status, PermanentError)


def google_reason(error: Mapping[str, Any]) -> str:
    """Calendars give it in `errors`, people in `details` or as the name of a gRPC status."""
    details = [*as_dicts(error.get("errors")), *as_dicts(error.get("details"))]
    given = [as_text(detail.get("reason")) for detail in details] + [as_text(error.get("status"))]
    known = [reason for reason in given if reason in REASONS]
    return next(iter(known or filter(None, given)), "")


def google_error_body(content: bytes) -> dict[str, Any]:
    """Returns the body; empty for what is no JSON object, such as a proxy's error page."""
    try:
        return as_dict(read_json(content))
    except ValueError:
        return {}
