"""The texts of an edited message stand in their order, in whatever order they come."""

from datetime import UTC, datetime
from itertools import permutations

import pytest

from communications.models import Message
from communications.receiving import edits

TEXTS = ("80 guests", "90 guests", "95 guests", "100 guests")


def columns(text: str) -> dict[str, object]:
    return {"body": text, "html": "", "media": [], "content": {}}


def written_at(place: int) -> datetime:
    return datetime(2026, 11, 20, 12, place, tzinfo=UTC)


@pytest.mark.parametrize("order", list(permutations(range(len(TEXTS)))))
def test_edits_are_put_where_they_belong(order: tuple[int, ...]) -> None:
    first, *others = order
    content = {edits.FIRST_EDIT: written_at(first).isoformat()} if first else {}
    message = Message(body=TEXTS[first], content=content)
    for place in others:
        if place:
            edits.replace_text(message, columns(TEXTS[place]), written_at(place))
        else:
            edits.put_first_text(message, columns(TEXTS[0]))
            edits.put_first_text(message, columns(TEXTS[0]))

    assert (message.body, message.content) == (TEXTS[-1], {})
    replaced_at = [written_at(place).isoformat() for place in (1, 2, 3)]
    assert [edit["body"] for edit in message.edits] == list(TEXTS[:-1])
    assert [edit["at"] for edit in message.edits] == replaced_at
