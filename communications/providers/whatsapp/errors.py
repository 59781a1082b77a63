"""What Meta refuses, and what that calls for.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    OptedOutOfMarketing,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    RouteRejected,
    SenderBusy,
    SenderRejected,
    ServerFailed,
    TemplateRejected,
    TransientError,
)
from wedsync_comms.lib.http import Response, retry_after_seconds
from wedsync_comms.lib.shapes import as_dict, as_int

# At the call as well as in receipts. Meta asks to build on codes, not on HTTP statuses or titles.
ERRORS: dict[int, type[ProviderError]] = {
    **dict.fromkeys((0, 102, 104, 190), CredentialsRejected),
    **dict.fromkeys((3, 10, *range(200, 300), 131005), CredentialsRejected),
    **dict.fromkeys((368, 131031, 131042, 131063), ConfigurationRejected),
    # The number is gone, not registered, without a certificate or an approved name.
    **dict.fromkeys((33, 131037, 131045, 133010), SenderRejected),
    # People report what this number sends.
    **dict.fromkeys((131048, 131064), SenderBusy),
    **dict.fromkeys((2, 131016, 131057, 133004), TransientError),
    **dict.fromkeys((1, 131000, 135000), ServerFailed),
    **dict.fromkeys((4, 613, 80007, 130429, 131056, 133016), RateLimited),
    **dict.fromkeys((131021, 131026, 131030, 131062), InvalidRecipient),
    131050: OptedOutOfMarketing,
    # The account may not write to this country; to others it may.
    130497: RouteRejected,
    # An experiment of Meta's, and Meta's own cap on marketing: this message only, not the address.
    130472: PermanentError,
    131049: PermanentError,
    **dict.fromkeys(
        (100, 131008, 131009, 131047, 131051, 131052, 131053, 137000),
        ContentRejected,
    ),
    **dict.fromkeys((132000, 132001, 132005, 132007, 132008, 132012), ContentRejected),
    **dict.fromkeys((132068, 132069), ContentRejected),
    # Paused, or disabled, for its quality.
    **dict.fromkeys((132015, 132016), TemplateRejected),
}
# Meta itself never says how long; these are its documented windows.
PAUSES = {
    131056: timedelta(seconds=6),
    131048: timedelta(hours=1),
    131064: timedelta(hours=1),
    80007: timedelta(minutes=5),
    4: timedelta(minutes=5),
}
PAUSE = timedelta(seconds=2)
# Longer than this is a mistake: it would stop everything.
LONGEST_PAUSE_S = 3600.0
NO_HEADERS: Mapping[str, str] = {}
# One message every six seconds to the same person; it is they who are paused, not the number.
PAIR_LIMIT = 131056
# Where there is none; 0 is one.
NO_CODE = -1
# What Meta says of the business account a number belongs to, and of our rights in it: locked, not
# paid for, not shared with us. Another number may belong to another one.
OF_ITS_ACCOUNT = {10, *range(200, 300), 368, 131005, 131031, 131042}
# An "invalid parameter" that says: there is no number with this id, or we may not see it.
# https://developers.facebook.com/docs/graph-api/guides/error-handling
NO_OBJECT = (100, 33)
# What a proxy in front of Meta may say without Meta's words, and that needs none.
CLEAR_STATUSES: dict[int, type[ProviderError]] = {
    HTTPStatus.UNAUTHORIZED: CredentialsRejected,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


def decode_meta_answer(answer: Response) -> dict[str, Any]:
    """Raises the error that a refusal, or an answer nobody can read, stands for."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) or answer.status in CLEAR_STATUSES:
        raise classify_meta_error(answer.status, as_dict(error), answer.headers)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES or not isinstance(body, dict):
        kind = ServerFailed if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else OutcomeUnknown
        raise kind(f"Meta answered {answer.status} without a reason.", code=str(answer.status))
    return body


def classify_meta_error(
    status: int, error: Mapping[str, Any], headers: Mapping[str, str] = NO_HEADERS
) -> ProviderError:
    code, message = as_int(error.get("code"), NO_CODE), meta_explanation(error, "message")
    if (code, as_int(error.get("error_subcode"), 0)) == NO_OBJECT:
        code = NO_OBJECT[1]
    said = str(code) if code != NO_CODE else str(status)
    response: dict[str, object] = {"status": status, "code": said, "message": message}
    kind = meta_error_class(status, code)
    if error.get("is_transient") is True and code not in ERRORS:
        kind = ServerFailed
    if issubclass(kind, SenderBusy):
        return kind(message, retry_after=PAUSES[code], code=said, response=response)
    if kind is RateLimited:
        return RateLimited(
            message,
            retry_after=meta_pause(code, headers),
            code=said,
            response=response,
            for_recipient=code == PAIR_LIMIT,
        )
    return kind(message, code=said, response=response)


def meta_pause(code: int, headers: Mapping[str, str]) -> timedelta:
    """Returns how long Meta wants to be left alone: as a server in front of it says, or as is
    documented for the code."""
    said = retry_after_seconds(headers)
    return timedelta(seconds=min(said, LONGEST_PAUSE_S)) if said else PAUSES.get(code, PAUSE)


def meta_error_class(status: int, code: int) -> type[ProviderError]:
    """Returns what an error calls for.

    The table comes first, the HTTP status second: Meta adds codes, and 0 may mean there was none.
    """
    if code in ERRORS:
        return ERRORS[code]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed
    return CLEAR_STATUSES.get(status, ContentRejected)


def meta_explanation(error: Mapping[str, Any], otherwise: str) -> str:
    """Returns Meta's details of an error; where there are none, the field called `otherwise`."""
    return str(as_dict(error.get("error_data")).get("details") or error.get(otherwise, ""))
