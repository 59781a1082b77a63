"""How answers of both vendors are read, and what becomes of those that are none."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calendars.providers import responses
from calendars.providers.base import CursorExpired
from calendars.providers.cursors import VendorCursor
from calendars.providers.responses import (
    decode_object,
    page_items,
    parse_instant,
    parse_retry_after,
    token_pages,
    vendor_failure,
    vendor_request,
)
from tests.communications.providers.answering import Answer, answering, closed_port
from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    PermanentError,
    RateLimited,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Client, Response


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), (" 120 ", 120), ("0", 0), ("99999999999999", 86_400)],
)
def test_retry_after_is_told_in_seconds(value: str, seconds: int) -> None:
    assert parse_retry_after({"retry-after": value}) == timedelta(seconds=seconds)


def test_retry_after_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)

    waits = parse_retry_after({"retry-after": format_datetime(at, usegmt=True)})

    assert waits is not None
    assert timedelta(seconds=85) < waits <= timedelta(seconds=90)


def test_a_date_of_an_unknown_zone_counts_as_utc() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)

    waits = parse_retry_after({"retry-after": f"{at:%a, %d %b %Y %H:%M:%S} -0000"})

    assert waits is not None
    assert timedelta(seconds=85) < waits <= timedelta(seconds=90)


def test_a_date_that_has_passed_is_no_wait() -> None:
    assert parse_retry_after({"retry-after": "Tue, 19 Nov 2013 01:13:52 GMT"}) == timedelta(0)


@pytest.mark.parametrize("value", ["", "soon", "-5", "\u0667"])
def test_what_says_no_time_says_nothing(value: str) -> None:
    assert parse_retry_after({"retry-after": value}) is None


def refused(kind: Any, status: int, *, is_safe: bool = True, **headers: str) -> Any:
    answer = Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, b""
    )
    return vendor_failure(kind, answer, code="", message="", is_safe=is_safe)


def test_one_second_is_too_short_a_pause() -> None:
    error = refused(RateLimited, 429, retry_after="1")

    assert error.retry_after == responses.RATE_LIMIT_PAUSE


def test_a_busy_server_that_names_a_time_is_given_it() -> None:
    error = refused(ServerFailed, 503, retry_after="30")

    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=30)


def test_a_server_error_is_unknown_only_where_it_matters() -> None:
    assert type(refused(ServerFailed, 500)) is TransientError
    assert type(refused(ServerFailed, 500, is_safe=False)) is ServerFailed
    assert type(refused(ServerFailed, 503, is_safe=False, retry_after="30")) is ServerFailed


def test_a_refusal_without_words_has_its_status() -> None:
    error = refused(PermanentError, 418)

    assert str(error) == "It answered 418."
    assert (error.code, error.response["status"]) == ("418", 418)


@pytest.mark.parametrize(("is_safe", "kind"), [(True, TransientError), (False, OutcomeUnknown)])
def test_a_lost_answer_matters_where_a_repetition_does_harm(
    is_safe: bool,  # noqa: FBT001
    kind: type[Exception],
) -> None:
    with answering(Answer(hangs_up=True)) as server, pytest.raises(kind) as caught:
        vendor_request(Client(), "POST", server.url, is_safe=is_safe, headers={})

    assert type(caught.value) is kind


def test_a_request_that_never_left_may_always_be_repeated() -> None:
    with pytest.raises(TransientError):
        vendor_request(
            Client(), "POST", f"http://127.0.0.1:{closed_port()}", is_safe=False, headers={}
        )


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"<html>", b"\xff", b'"x"'])
def test_what_is_no_object_is_no_answer(content: bytes) -> None:
    with pytest.raises(TransientError):
        decode_object(content)
    with pytest.raises(OutcomeUnknown):
        decode_object(content, is_safe=False)


@pytest.mark.parametrize("page", [{}, {"value": None}, {"value": {}}, {"value": [1]}])
def test_a_list_that_is_none_is_no_empty_one(page: dict[str, Any]) -> None:
    with pytest.raises(TransientError):
        page_items(page, "value")


def test_some_lists_are_left_out_when_they_are_empty() -> None:
    assert page_items({}, "value", may_miss=True) == []
    with pytest.raises(TransientError):
        page_items({"value": 7}, "value", may_miss=True)


def test_pages_that_go_round_in_a_circle_end() -> None:
    following = {"": "a", "a": "b", "b": "a"}

    with pytest.raises(TransientError, match="circle"):
        list(token_pages(lambda token: {"next": following[token]}, "next"))


def test_a_time_without_an_offset_is_one_of_the_zone() -> None:
    vienna = ZoneInfo("Europe/Vienna")

    assert parse_instant("2026-06-01T12:00:00.0000000", vienna) == datetime(
        2026, 6, 1, 10, tzinfo=UTC
    )
    assert parse_instant("2026-06-01T12:00:00Z", vienna) == datetime(2026, 6, 1, 12, tzinfo=UTC)
    for value in (None, "", "noon", 7):
        with pytest.raises(TransientError):
            parse_instant(value)


def test_parts_of_a_digest_are_told_apart() -> None:
    assert responses.parts_digest("a", "bc") != responses.parts_digest("ab", "c")


def test_a_cursor_is_read_as_it_was_written() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    for cursor in (
        VendorCursor(shape="s", token="t", start=start, end=end),
        VendorCursor(shape="s", token="t"),
    ):
        assert VendorCursor.read(str(cursor), "s") == cursor
    with pytest.raises(CursorExpired):
        VendorCursor.read('["s","t","2026-01-01"]', "s")
