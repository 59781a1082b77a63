"""What can be said of Twilio's rules without asking a server."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.twilio import rules
from sandbox.twilio.errors import ERRORS, RefusedError
from sandbox.twilio.segments import segments, smart

MG = "MG" + "0" * 32
HX = "HX" + "0" * 32


@pytest.mark.parametrize(
    ("text", "count"),
    [("x" * 160, 1), ("x" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ж" * 70, 1), ("ж" * 71, 2),
     ("💐" * 35, 1), ("💐" * 36, 2), ("", 1)],
)  # fmt: skip
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


@given(st.text(max_size=400))
def test_more_text_never_takes_fewer_segments(text: str) -> None:
    assert 1 <= segments(text) <= segments(text + "ж")
    assert segments(text) <= segments(text + text)


def test_smart_encoding_saves_segments() -> None:
    text = "\u201cSee you\u2019 there\u2026" * 6
    assert segments(smart(text)) == 1 < segments(text)


FIELDS = st.sampled_from(
    ["To", "From", "Body", "MediaUrl", "StatusCallback", "ValidityPeriod", "SendAt", "ContentSid",
     "ScheduleType", "MessagingServiceSid", "ContentVariables", "SmartEncoded", "Unheard"]
)  # fmt: skip
VALUES = st.text(max_size=12) | st.sampled_from(
    ["+447700900123", "+15550100100", MG, HX, "{}", "http://[", "http://a:x/", "5", "fixed"]
)


def try_to_create(body: bytes) -> int | None:
    """The code of the refusal, None if it would be sent. Anything else is a bug."""
    try:
        rules.check_new(rules.read_form(body))
    except RefusedError as refused:
        return refused.code
    return None


@given(st.lists(st.tuples(FIELDS, VALUES), max_size=12))
def test_whatever_is_sent_is_accepted_or_refused_but_breaks_nothing(
    pairs: list[tuple[str, str]],
) -> None:
    assert try_to_create(urlencode(pairs, errors="replace").encode()) in {None, *ERRORS}


@given(st.binary(max_size=40))
def test_a_body_that_is_no_form_breaks_nothing(body: bytes) -> None:
    assert try_to_create(body) in ERRORS
