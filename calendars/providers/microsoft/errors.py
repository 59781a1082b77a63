"""What Graph's refusals mean.

https://learn.microsoft.com/en-us/graph/errors
https://learn.microsoft.com/en-us/graph/delta-query-overview#token-duration
"""

from datetime import timedelta

from calendars.providers.base import Changed, CursorExpired, Gone
from calendars.providers.responses import (
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
from wedsync_comms.lib.shapes import as_dict, as_text


class DuplicateTransaction(PermanentError):
    """The transaction's id was used already, with other words or for what is gone."""


# In lower case: Graph writes some of them in more than one way.
CODES: dict[str, type[ProviderError]] = {
    **dict.fromkeys(
        ("invalidauthenticationtoken", "unauthenticated", "errorinvalidtoken"),
        CredentialsRejected,
    ),
    **dict.fromkeys(
        ("applicationthrottled", "activitylimitreached", "toomanyrequests"),
        RateLimited,
    ),
    **dict.fromkeys(
        ("erroritemnotfound", "errorfoldernotfound", "itemnotfound", "resourcenotfound"),
        Gone,
    ),
    **dict.fromkeys(("syncstatenotfound", "syncstateinvalid", "resyncrequired"), CursorExpired),
    **dict.fromkeys(("errorirresolvableconflict", "preconditionfailed"), Changed),
    "errorduplicatetransactionid": DuplicateTransaction,
    # No Exchange mailbox behind the account.
    "mailboxnotenabledforrestapi": ConfigurationRejected,
}
STATUSES: dict[int, type[ProviderError]] = {
    401: CredentialsRejected,
    404: Gone,
    409: Changed,
    410: CursorExpired,
    412: Changed,
    429: RateLimited,
}
# More than four calls at a time in one mailbox: the others are done in a moment.
CONCURRENCY = "mailboxconcurrency"
MOMENT, PAUSE = timedelta(seconds=2), timedelta(seconds=10)


def graph_error(answer: Response, *, is_safe: bool) -> ProviderError:
    code, message = graph_code(answer)
    by_status = STATUSES.get(answer.status, PermanentError)
    return vendor_failure(
        ServerFailed if answer.status >= SERVER_ERROR else CODES.get(code.lower(), by_status),
        answer,
        code=code,
        message=message,
        is_safe=is_safe,
        least=MOMENT if CONCURRENCY in message.lower() else PAUSE,
    )


def graph_code(answer: Response) -> tuple[str, str]:
    """Returns the code; blank for what is no error of Graph's, such as a proxy's page."""
    try:
        error = as_dict(as_dict(read_json(answer.content)).get("error"))
    except ValueError:
        error = {}
    return as_text(error.get("code")), as_text(error.get("message"))
