"""What both vendors' answers have in common: how they are read, and what a refusal says."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from calendars.vocabulary.zones import EARLIEST, LATEST
from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Client, Response
from wedsync_comms.lib.outside_json import read_json
from wedsync_comms.lib.shapes import as_text

# Graph is known to say one second for hours on end.
# https://github.com/microsoftgraph/msgraph-sdk-javascript/issues/297
RATE_LIMIT_PAUSE = timedelta(seconds=5)
MAX_RETRY_AFTER = timedelta(days=1)
SERVER_ERROR, REDIRECT = 500, 300
# More than any list has that ends: a hundred thousand entries of Graph's.
MAX_PAGES = 500
# Parts of a digest are told apart by what no key or id contains.
DIGEST_SEPARATOR = "\x1f"


class EndlessPages(PermanentError):
    """A list that goes on for more than MAX_PAGES pages."""


def vendor_request(
    client: Client, method: str, url: str, *, is_safe: bool, **values: Any
) -> Response:
    """Sends a request. `is_safe`: a repetition does no harm; a lost answer is just a failure."""
    try:
        return client.request(method, url, **values)
    except OutcomeUnknown as error:
        if not is_safe:
            raise
        raise TransientError(str(error), code=error.code) from error


def vendor_failure(
    kind: type[ProviderError],
    answer: Response,
    *,
    code: str,
    message: str,
    is_safe: bool,
    least: timedelta = RATE_LIMIT_PAUSE,
) -> ProviderError:
    """Returns the error for a refusal; a server that names a time to wait is given that time."""
    said = code or str(answer.status)
    response: dict[str, object] = {"status": answer.status, "code": said, "message": message}
    text = message or f"It answered {answer.status}."
    waits = parse_retry_after(answer.headers)
    if kind is RateLimited or (is_safe and waits and answer.status >= SERVER_ERROR):
        pause = max(waits or least, least)
        return RateLimited(text, retry_after=pause, code=said, response=response)
    if kind is ServerFailed and is_safe:
        kind = TransientError
    return kind(text, code=said, response=response)


def parse_retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Seconds or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(aware - datetime.now(UTC), timedelta(0)), MAX_RETRY_AFTER)


def decode_object(content: bytes, *, is_safe: bool = True) -> dict[str, Any]:
    """Raises TransientError for what is no object, or OutcomeUnknown: it may have been done."""
    try:
        body = read_json(content)
    except ValueError:
        body = None
    return require_object(body, is_safe=is_safe)


def require_object(body: Any, *, is_safe: bool) -> dict[str, Any]:
    if isinstance(body, dict) and body:
        return body
    kind = TransientError if is_safe else OutcomeUnknown
    raise kind("The answer is no JSON object.", code="malformed")


def malformed_answer(what: str) -> TransientError:
    return TransientError(what, code="malformed")


def page_items(
    page: Mapping[str, Any], name: str, *, may_miss: bool = False
) -> list[dict[str, Any]]:
    """Returns what a page lists. Raises TransientError unless it is a list of objects: an answer
    that was cut short must not look like an empty calendar."""
    items = page.get(name, [] if may_miss else None)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise malformed_answer(f"{name} is no list of objects.")
    return items


def token_pages(
    ask_for: Callable[[str], dict[str, Any]],
    onward: str,
    first: str = "",
) -> Iterator[dict[str, Any]]:
    """Yields all pages; `onward` is the name under which a page tells of the next."""
    token, seen = first, set[str]()
    for _ in range(MAX_PAGES):
        page = ask_for(token)
        yield page
        token = as_text(page.get(onward))
        if not token:
            return
        if token in seen:
            raise malformed_answer("The pages go round in a circle.")
        seen.add(token)
    raise EndlessPages("The pages have no end.", code="endless")


def parse_instant(value: Any, zone: Any = UTC) -> datetime:
    """Parses an RFC 3339 time; without an offset it is in the zone. Raises TransientError.

    Beyond the years that can be kept (`zones.EARLIEST`, `LATEST`) it is the first or last of them.
    """
    try:
        # Graph counts to a tenth of a microsecond, Python to a microsecond.
        at = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise malformed_answer(f"This is no time: {value!r}.") from error
    if at.year < EARLIEST.year or at.year >= LATEST.year:
        return EARLIEST if at.year < EARLIEST.year else LATEST
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def instant_or_none(value: Any) -> datetime | None:
    """Returns the instant; None for what is no time."""
    try:
        return parse_instant(value) if isinstance(value, str) and value else None
    except TransientError:
        return None


def parts_digest(*parts: object) -> bytes:
    return hashlib.sha256(DIGEST_SEPARATOR.join(str(part) for part in parts).encode()).digest()
