"""Which values an approved text takes."""

import pytest

from communications.composing.template_values import value_refusal
from communications.vocabulary.events import TemplateVariable


def refusal_of(value: str, kind: str = "text") -> str:
    return value_refusal(TemplateVariable(name="1", part="body", kind=kind, limit=1_024), value)


@pytest.mark.parametrize(
    "value",
    ["", " ", "\u200b", "\u200b \u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\u200e\u0301"],
)
def test_what_nobody_sees_is_blank(value: str) -> None:
    assert "is blank" in refusal_of(value)


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2003", "\u3000", "\u202f"])
def test_five_spaces_of_any_kind_are_too_many(space: str) -> None:
    assert "four spaces" in refusal_of(f"Amelia{space * 5}Hart")
    assert refusal_of(f"Amelia{space * 4}Hart") == ""


@pytest.mark.parametrize("value", ["👩\u200d🍳", "क\u200d्ष", "50 % off", "-", "0"])
def test_what_people_see_is_taken(value: str) -> None:
    assert refusal_of(value) == ""


@pytest.mark.parametrize(
    "value",
    ["https://x.example/tok", "HTTP://x.example", "//x.example", "www.x.example", "/https://x.y"],
)
def test_a_button_takes_the_end_of_an_address_and_no_whole_one(value: str) -> None:
    assert "whole address" in refusal_of(value, "url")


@pytest.mark.parametrize("value", ["tok", "a/b?c=d", "?to=https%3A%2F%2Fx.y", "wwwedding", "a:b"])
def test_a_button_takes_what_follows_its_address(value: str) -> None:
    assert refusal_of(value, "url") == ""
