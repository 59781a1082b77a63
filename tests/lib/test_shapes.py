"""Values from outside, of any shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wedsync_comms.lib.shapes import listed, mapped, text, whole

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(ANYTHING)
def test_whatever_comes_has_the_shape_that_is_wanted(value: Any) -> None:
    assert isinstance(mapped(value), dict)
    assert all(isinstance(one, dict) for one in listed(value))
    assert isinstance(text(value), str)
    assert isinstance(whole(value, 0), int)


def test_what_has_it_already_is_left_alone() -> None:
    assert mapped({"id": 1}) == {"id": 1}
    assert listed([{"id": 1}, "stray", {"id": 2}]) == [{"id": 1}, {"id": 2}]
    assert text("Hello") == "Hello"


@pytest.mark.parametrize(
    ("value", "number"),
    [(21610, 21610), ("21610", 21610), (0, 0), ("", -1), ("1e3", -1), ("²", -1), ("9" * 30, -1)],
)
def test_a_whole_number_may_come_as_text(value: Any, number: int) -> None:
    assert whole(value, -1) == number
