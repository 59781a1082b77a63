"""Values from outside, of any shape."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wedsync_comms.lib.shapes import as_dict, as_dicts, as_int, as_text

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(ANYTHING)
def test_whatever_comes_has_the_shape_that_is_wanted(value: Any) -> None:
    assert isinstance(as_dict(value), dict)
    assert all(isinstance(item, dict) for item in as_dicts(value))
    assert isinstance(as_text(value), str)
    assert isinstance(as_int(value, 0), int)


def test_what_has_it_already_is_left_alone() -> None:
    assert as_dict({"id": 1}) == {"id": 1}
    assert as_dicts([{"id": 1}, "stray", {"id": 2}]) == [{"id": 1}, {"id": 2}]
    assert as_text("Hello") == "Hello"


@pytest.mark.parametrize(
    ("value", "number"),
    [(21610, 21610), ("21610", 21610), (0, 0), ("", -1), ("1e3", -1), ("²", -1), ("9" * 30, -1)],
)
def test_a_whole_number_may_come_as_text(value: Any, number: int) -> None:
    assert as_int(value, -1) == number
