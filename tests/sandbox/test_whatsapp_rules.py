"""What can be said of WhatsApp's rules without asking a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.whatsapp.api import rules
from sandbox.whatsapp.errors import ERRORS, RefusedError
from sandbox.whatsapp.model import showing
from sandbox.whatsapp.model.limits import PairLimit
from sandbox.whatsapp.model.people import (
    new_wamid,
    phone,
    wa_id,
)
from sandbox.whatsapp.model.templates import Template, Templates


def template(component: Any) -> dict[str, Any]:
    usual = {"name": "wedding_update", "language": {"code": "en_US"}}
    return {**usual, "components": [component]}


@given(st.integers(1, 20), st.integers(0, 40))
def test_a_burst_is_a_burst(burst: int, tries: int) -> None:
    limit = PairLimit()
    limit.burst, limit.seconds = burst, 3600.0
    assert sum(limit.take("+44") for _ in range(tries)) == min(burst, tries)


@given(st.from_regex(r"[1-9]\d{6,14}", fullmatch=True))
def test_every_number_has_an_id_and_a_message_an_id_of_its_own(digits: str) -> None:
    assert phone(digits) == phone(f"+{digits}") == f"+{digits}"
    assert wa_id(f"+{digits}").isdecimal()
    ids = {new_wamid(f"+{digits}", ours=ours) for ours in (True, True, False)}
    assert len(ids) == 3
    assert all(wamid.startswith("wamid.") and len(wamid) <= 255 for wamid in ids)


NAMES = st.sampled_from(
    ["type", "name", "language", "code", "components", "parameters", "text", "action", "buttons",
     "reply", "title", "body", "latitude", "longitude", "message_id", "emoji", "index", "currency",
     "fallback_value", "formatted_name", "id", "link", "caption"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def try_to_send(kind: Any, content: Any, **more: Any) -> int | None:
    """The code of the refusal, None if it would be sent. Anything else is a bug."""
    body = {"messaging_product": "whatsapp", "to": "447700900123", "type": kind, **more}
    try:
        rules.check(body | {str(kind): content})
        assert isinstance(showing.seen(kind, content), str)
        if kind == "template":
            Templates().fill(content)
        elif kind == "interactive":
            showing.buttons(kind, content)
    except RefusedError as refused:
        return refused.code
    return None


@given(kind=st.sampled_from(rules.TYPES), content=ANYTHING, context=ANYTHING, named=st.booleans())
def test_whatever_is_sent_is_accepted_or_refused_but_breaks_nothing(
    *, kind: str, content: Any, context: Any, named: bool
) -> None:
    if named and isinstance(content, dict):
        content |= {"name": "wedding_update", "language": {"code": "en_US"}}
    assert try_to_send(kind, content, context=context) in {None, *ERRORS}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ([1], {}),
        ("interactive", {"type": "button", "action": {"buttons": "x"}}),
        ("interactive", {"type": "button", "action": {"buttons": [{"reply": {"title": 5}}]}}),
        ("interactive", {"type": "list", "action": {}, "body": "x"}),
        ("contacts", [{"name": 1}]),
        ("template", {"name": [1], "language": {"code": "en_US"}}),
        ("template", template({"type": "body", "parameters": [{"type": [1]}]})),
        ("template", template({"type": "body", "parameters": [{"currency": "x"}]})),
        ("template", template({"type": "button", "index": [1]})),
        ("image", {"id": [1]}),
    ],
)
def test_the_wrong_kind_of_value_is_named(kind: Any, content: Any) -> None:
    assert try_to_send(kind, content) == 100


def approved(*components: Any) -> Templates:
    texts = {"type": "BODY", "text": "Hello {{1}}."}
    own = Template("1", "own", "UTILITY", [*components] or [texts])
    return Templates(every=[own])


def refusal(templates: Templates, *components: Any) -> int | None:
    wanted = {"name": "own", "language": {"code": "en_US"}, "components": list(components)}
    try:
        templates.fill(wanted)
    except RefusedError as refused:
        return refused.code
    return None


def part(kind: str, *parameters: Any, **more: Any) -> Any:
    return {"type": kind, "parameters": list(parameters), **more}


TEXT = {"type": "text", "text": "x"}
URL_BUTTON = {"type": "URL", "text": "Go", "url": "https://ours.example/{{1}}"}
NAMED = {"type": "BODY", "text": "Hello {{couple}}."}


@pytest.mark.parametrize(
    ("components", "sent", "code"),
    [
        ([], [part("body", TEXT)], None),
        ([], [], 132000),
        ([], [part("body", TEXT, TEXT)], 132000),
        ([], [part("body", {"type": "text", "text": "a\tb"})], 132018),
        ([], [part("body", {"type": "text", "text": "  "})], 131008),
        ([NAMED], [part("body", TEXT)], 100),
        ([NAMED], [part("body", {**TEXT, "parameter_name": "couple"})], None),
        ([NAMED], [part("body", {**TEXT, "parameter_name": "pair"})], 132012),
        ([{"type": "HEADER", "format": "IMAGE"}], [], 132000),
        ([{"type": "HEADER", "format": "IMAGE"}], [part("header", TEXT)], 132012),
        (
            [{"type": "HEADER", "format": "IMAGE"}],
            [part("header", {"type": "image", "image": {"link": "https://a.example/a.jpg"}})],
            None,
        ),
        (
            [{"type": "HEADER", "format": "LOCATION"}],
            [part("header", {"type": "location", "location": {"latitude": "1"}})],
            131008,
        ),
        ([{"type": "BUTTONS", "buttons": [URL_BUTTON]}], [], 131008),
        (
            [{"type": "BUTTONS", "buttons": [URL_BUTTON]}],
            [part("button", TEXT, sub_type="url", index="0")],
            None,
        ),
        (
            [{"type": "BUTTONS", "buttons": [URL_BUTTON]}],
            [part("button", TEXT, sub_type="phone_number", index="0")],
            100,
        ),
        (
            [{"type": "BUTTONS", "buttons": [URL_BUTTON]}],
            [part("button", TEXT, sub_type="flow", index="0")],
            131009,
        ),
        ([{"type": "BUTTONS", "buttons": [{"type": "COPY_CODE"}]}], [], 131008),
        ([{"type": "BUTTONS", "buttons": [{"type": "FLOW"}]}], [], 131009),
        ([{"type": "CAROUSEL", "cards": [{}]}], [], 132012),
        ([{"type": "BUTTONS", "buttons": []}], [part("button", TEXT, index="3")], 132000),
    ],
)
def test_what_does_not_fit_the_template_is_refused_as_meta_does(
    components: list[Any], sent: list[Any], code: int | None
) -> None:
    assert refusal(approved(*components), *sent) == code
