"""How many SMS a text is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.vocabulary.sms_segments import (
    ESCAPED,
    GSM,
    Segments,
    count_segments,
)


def test_the_alphabet_is_the_standards() -> None:
    """3GPP TS 23.038 has 127 characters, the escape left out, and nine of its basic extension."""
    assert len(GSM) == len(set(GSM)) == 127
    assert len(ESCAPED) == 10
    assert not set(GSM) & set(ESCAPED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 1, 160)),
        ("a" * 160, Segments("GSM-7", 1, 0)),
        ("a" * 161, Segments("GSM-7", 2, 145)),
        ("a" * 306, Segments("GSM-7", 2, 0)),
        ("a" * 307, Segments("GSM-7", 3, 152)),
        ("€" * 80, Segments("GSM-7", 1, 0)),
        ("€" * 80 + "a", Segments("GSM-7", 2, 144)),
        # An escaped character is never cut in half: one place of the first segment stays empty.
        ("a" * 152 + "€" + "a" * 10, Segments("GSM-7", 2, 141)),
        ("é" * 160, Segments("GSM-7", 1, 0)),
        ("ê" * 70, Segments("UCS-2", 1, 0)),
        ("ê" * 71, Segments("UCS-2", 2, 63)),
        ("ê" * 134, Segments("UCS-2", 2, 0)),
        ("💐" * 35, Segments("UCS-2", 1, 0)),
        ("💐" * 36, Segments("UCS-2", 2, 61)),
        # Nor is an emoji.
        ("a" * 66 + "💐" + "a" * 5, Segments("UCS-2", 2, 60)),
        ("a" * 159 + "“", Segments("UCS-2", 3, 41)),
        ("\n\f^{}\\[~]|", Segments("GSM-7", 1, 141)),
    ],
)
def test_counting(text: str, expected: Segments) -> None:
    assert count_segments(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=700))
def test_nothing_is_left_out_and_nothing_overflows(text: str) -> None:
    found = count_segments(text)
    is_gsm = found.encoding == "GSM-7"
    assert is_gsm == all(character in GSM + ESCAPED for character in text)
    single, several = (160, 153) if is_gsm else (70, 67)
    width = sum((2 if character in ESCAPED else 1) for character in text)
    if not is_gsm:
        width = len(text.encode("utf-16-be")) // 2
    assert (found.count == 1) == (width <= single)
    if found.count > 1:
        # At most one place a segment is wasted.
        assert found.count * several - (found.count - 1) - found.left <= width
        assert width <= found.count * several - found.left
    assert 0 <= found.left <= single


@given(st.text(GSM, max_size=400), st.sampled_from(GSM))
def test_another_character_never_makes_it_shorter(text: str, more: str) -> None:
    before, after = count_segments(text), count_segments(text + more)
    assert before.count <= after.count <= before.count + 1
