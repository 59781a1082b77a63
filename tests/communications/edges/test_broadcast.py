"""The tail of the event table, whatever the order in which rows turn up in it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from communications.live import event_stream
from communications.models import Event, Message
from tests import factories
from tests.communications.edges.listening import occurrence


def commit(message: Message, number: int) -> None:
    event = occurrence(message)
    event.pk = number
    event.save(force_insert=True)


def ids(rows: Any) -> list[int]:
    return [row["id"] for row in rows]


class TestCursor(HypothesisTestCase):
    @given(data=st.data(), count=st.integers(1, 30), limit=st.integers(1, 5))
    @hypothesis_settings(max_examples=30, deadline=None)
    def test_every_row_is_read_once_in_whatever_order_they_commit(
        self,
        data: st.DataObject,
        count: int,
        limit: int,
    ) -> None:
        message = factories.message()
        start = event_stream.last_event_id()
        cursor = event_stream.StreamCursor.at_end()
        order = data.draw(st.permutations(range(start + 1, start + count + 1)))
        # Some are rolled back.
        committed = order[: data.draw(st.integers(0, count))]
        read: list[int] = []
        for number in committed:
            commit(message, number)
            if data.draw(st.booleans()):
                read += ids(cursor.read(limit))
        while more := ids(cursor.read(limit)):
            read += more
        assert sorted(read) == sorted(committed)

    @given(
        present=st.sets(st.integers(1, 40), min_size=1),
        late=st.sets(st.integers(1, 40)),
    )
    @hypothesis_settings(max_examples=20, deadline=None)
    def test_what_was_open_when_it_began_is_read_too(
        self,
        present: set[int],
        late: set[int],
    ) -> None:
        message = factories.message()
        base = event_stream.last_event_id()
        for number in present:
            commit(message, base + number)
        cursor = event_stream.StreamCursor.at_end()
        for number in late - present:
            commit(message, base + number)
        assert sorted(ids(cursor.read())) == sorted(base + number for number in late - present)
        assert not ids(cursor.read())


@pytest.mark.django_db
def test_what_was_rolled_back_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    message = factories.message()
    cursor = event_stream.StreamCursor(event_stream.last_event_id())
    commit(message, cursor.last + 5)
    assert len(list(cursor.read())) == 1
    assert len(cursor.missing) == 4
    monkeypatch.setattr(event_stream, "GAP_SECONDS", 0.0)
    assert not list(cursor.read())
    assert not cursor.missing


@pytest.mark.django_db
def test_what_is_skipped_now_is_read_however_much_was_skipped_before() -> None:
    """Where rows were removed, a cursor begins with as many ids to ask for as it asks at once."""
    message = factories.message()
    base = event_stream.last_event_id() + 2 * event_stream.REPLAY_LIMIT
    commit(message, base)
    cursor = event_stream.StreamCursor.at_end()
    commit(message, base + 2)
    assert ids(cursor.read()) == [base + 2]
    commit(message, base + 1)
    assert ids(cursor.read()) == [base + 1]


@pytest.mark.django_db
def test_what_may_have_been_hidden_is_sent_again_in_order() -> None:
    message = factories.message()
    base = event_stream.last_event_id() + 10
    for number in (1, 2, 4):
        commit(message, base + number)
    seen = base + 4
    # Its transaction began before the others ended.
    commit(message, base + 3)
    frames = event_stream.replay_frames(message.organization_id, seen)
    assert frames is not None
    assert [
        f'"id": {base + number}' in frames[-4 + i] for i, number in enumerate((1, 2, 3, 4))
    ] == [
        True,
    ] * 4


@pytest.mark.django_db
def test_what_is_long_past_is_not_sent_again() -> None:
    message = factories.message()
    base = event_stream.last_event_id()
    commit(message, base + 1)
    Event.objects.update(recorded_at=timezone.now() - timedelta(hours=1))
    commit(message, base + 2)
    frames = event_stream.replay_frames(message.organization_id, base + 2)
    assert frames is not None
    assert len(frames) == 1
    assert event_stream.replay_frames(message.organization_id, base + 3) is None
