"""What is filled in, and what must never be sent with its braces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from communications.composing.placeholders import (
    check_placeholders,
    check_spelling,
    fill_placeholders,
    placeholders,
    unknown_placeholders,
)
from communications.errors import Refused


@pytest.mark.parametrize(
    "text",
    [
        "{{ first name }}",
        "{{contact.name}}",
        "{{имя}}",
        "{{ prénom }}",
        "{{ name|upper }}",
        '{{ name|default:"you" }}',
        "{{ name }",
        "{{ name",
        "{{",
        "{{}}",
        "{{ }}",
        "{{{name}}}",
        "{{ first-name }}",
        "{{ $name }}",
        "{{name!}}",
        "{{&nbsp;name&nbsp;}}",
        "{{<b>name</b>}}",
        "{{ items[0] }}",
        "{{#if name}}",
        "{{ '{{' }}",
        "{{ a }} {{ b c }}",
    ],
)
def test_what_cannot_be_filled_in_is_named(text: str) -> None:
    assert unknown_placeholders(f"Dear {text}, soon.")
    with pytest.raises(Refused, match=r"“\{\{.* is no placeholder") as refused:
        check_placeholders("body", f"Dear {text}, soon.", ["couple"])
    assert refused.value.field == "body"
    assert "{{ couple }}" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "Dear {{ name }}",
        "{{1}} and {{ 2 }}",
        "{{\n name\n}}",
        "{{\u00a0name\u00a0}}",
        "{{first_name}}{{last_name}}",
        "{ this } :-}} {",
        "50 % off, and 20%!",
        "50% now and 50% later",
        "100% name-day discount %",
        "{smile} and {a, b}",
        "a{color:red} .b{}",
        "https://ours.example/?q=%20name%20",
        "$5 {each}, ${5}",
        "\uff5b注\uff5d and 「name」",
        "[date] of the day",
        "if (x) {return} else {y}",
        "@media (width < 600px){.a{color:{{ colour }}}}",
        '{"a": {"b": {}}}',
    ],
)
def test_everything_else_may_be_said(text: str) -> None:
    assert not unknown_placeholders(text)
    assert "{{" not in fill_placeholders(text, dict.fromkeys(placeholders(text), "x"))


@pytest.mark.parametrize(
    "text",
    [
        "\uff5b\uff5bname\uff5d\uff5d",
        "\uff5b\uff5b whatever \uff5d\uff5d",
        "\uff5bname\uff5d",
        "{% if x %}",
        "{%- endif -%}",
        "{# note #}",
        "${name}",
        "${anything.here}",
        "{name}",
        "{ First Name }",
        "{contact.first_name}",
        "{nmae}",
        "{couple_names}",
        "{organisation}",
        "#{name}",
        "%FIRSTNAME%",
        "%first_name%",
        "%%Name%%",
        "*|FNAME|*",
        "[[name]]",
        "<%= name %>",
    ],
)
def test_what_another_program_would_fill_in_is_named(text: str) -> None:
    with pytest.raises(Refused, match="is no placeholder that could be filled in"):
        check_placeholders("body", f"Dear {text}, soon.", ["couple_names"])


def test_a_misspelt_name_is_refused_and_a_name_of_ones_own_is_not() -> None:
    with pytest.raises(Refused, match=r"“\{\{ nmae \}\}” .* did you mean \{\{ name \}\}\?"):
        check_spelling("body", "Dear {{ nmae }}")
    check_spelling("body", "Dear {{ nmae }}", ["nmae"])
    check_spelling(
        "body", "{{ name }} {{ names }} {{ data }} {{ couple }} {{ 1 }} {{ organisation }}"
    )


def test_a_refusal_says_what_was_meant_and_what_there_is() -> None:
    with pytest.raises(
        Refused, match=r"like \{\{ first_name \}\}, .*Known are: \{\{ couple \}\}\. "
    ):
        check_placeholders("body", "{{ first name }} and {{ couple }}")
    with pytest.raises(
        Refused, match=r"like \{\{ first_name \}\}, .*appointments fill in \{\{ name \}\}, "
    ):
        check_placeholders("body", "{{ имя }}")


@given(st.text(alphabet="{} ab_.|1\n", max_size=20))
@settings(max_examples=50, deadline=None)
def test_nothing_that_passes_leaves_with_two_opening_braces(text: str) -> None:
    if not unknown_placeholders(text):
        assert "{{" not in fill_placeholders(text, dict.fromkeys(placeholders(text), "x"))
