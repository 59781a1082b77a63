"""Whatever the order and however often: the same facts end in the same row."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from communications.messages.transitions import (
    Change,
    record,
)
from communications.models import Call, Message, Organization
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows

Fact = tuple[int, Kind]
FACTS: dict[Kind, Status | None] = {
    Kind.ACCEPTED: Status.SENT,
    Kind.UNANSWERED: Status.UNKNOWN,
    Kind.SENT: Status.SENT,
    Kind.DELAYED: Status.SENT,
    Kind.DELIVERED: Status.DELIVERED,
    Kind.OPENED: Status.DELIVERED,
    Kind.COMPLAINED: Status.DELIVERED,
    Kind.BOUNCED: Status.BOUNCED,
    Kind.FAILED: Status.FAILED,
    Kind.READ: Status.READ,
}
ATTEMPTS = 3
facts = st.lists(
    st.tuples(st.integers(0, ATTEMPTS - 1), st.sampled_from(list(FACTS))),
    min_size=1,
    max_size=7,
    unique=True,
)
# A call is repeated because it had no answer, and receipts go to its newest repetition.
LAST = ATTEMPTS - 1
facts_of_one_call = st.lists(
    st.sampled_from(
        [
            *((LAST, kind) for kind in FACTS),
            *((number, Kind.UNANSWERED) for number in range(LAST)),
        ]
    ),
    min_size=1,
    max_size=7,
    unique=True,
)
in_the_database = settings(
    max_examples=20,
    deadline=None,
    # Shrinking through a database takes minutes and finds little.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def outcome(
    organization: Organization,
    reported: Sequence[Fact],
    *,
    one_call: bool,
    batches: int = 1,
) -> dict[str, Any]:
    """The rows after the facts were reported so, and leaves none behind."""
    with transaction.atomic():
        message = rows.message(organization)
        shared = Call.objects.create(provider="first") if one_call else None
        attempts = [rows.attempt(message, shared) for _ in range(ATTEMPTS)]
        changes = [change(attempts[number], number, kind) for number, kind in reported]
        for start in range(0, len(changes), batches):
            record(changes[start : start + batches])
        found = snapshot(message, with_errors=not one_call)
        transaction.set_rollback(True)
    return found


def change(attempt: Any, number: int, kind: Kind) -> Change:
    # The same words for the same rank: which of two bounces is told as the reason is no matter.
    status = FACTS[kind]
    columns = {"event_id": f"{number}-{kind}", "error_code": status or "", "detail": status or ""}
    return rows.receipt(attempt, kind, status, **columns)


def snapshot(message: Message, *, with_errors: bool) -> dict[str, Any]:
    """Repetitions of one call end together, each with its own last words; those are left out."""
    errors = ["error", "error_code"] if with_errors else []
    stamps = ["opened_at", "clicked_at", "complained_at"]
    row = Message.objects.filter(pk=message.pk).values(
        "status", "provider", "decision", "send_after", *stamps, *errors
    )
    attempts = message.attempts.order_by("number").values("status", "provider", *errors)
    return {**row[0], "attempts": list(attempts)}


@pytest.mark.django_db
@in_the_database
@given(st.data(), st.booleans())
def test_every_order_repetition_and_grouping_ends_in_the_same_row(
    data: st.DataObject,
    one_call: bool,  # noqa: FBT001
) -> None:
    organization = factories.organization()
    reported = data.draw(facts_of_one_call if one_call else facts)
    again = data.draw(st.lists(st.sampled_from(reported), max_size=4))
    shuffled = data.draw(st.permutations([*reported, *again]))
    batches = data.draw(st.integers(1, 4))

    expected = outcome(organization, reported, one_call=one_call)

    assert outcome(organization, shuffled, one_call=one_call, batches=batches) == expected


@pytest.mark.django_db
def test_all_orders_of_a_whole_life_end_in_the_same_row(venue: Organization) -> None:
    life = [
        (0, Kind.UNANSWERED),
        (1, Kind.FAILED),
        (1, Kind.DELIVERED),
        (2, Kind.ACCEPTED),
    ]

    ends = [
        outcome(venue, order, one_call=False, batches=5) for order in itertools.permutations(life)
    ]

    assert ends[0]["status"] == Status.DELIVERED
    assert all(end == ends[0] for end in ends)


@pytest.mark.django_db
@in_the_database
@given(facts)
def test_no_fact_ever_moves_an_attempt_down(reported: list[Fact]) -> None:
    message = rows.message(factories.organization())
    attempts = [rows.attempt(message) for _ in range(ATTEMPTS)]
    ranks = [0] * ATTEMPTS

    for number, kind in reported:
        record([change(attempts[number], number, kind)])
        now = [Status(attempt.status).rank for attempt in message.attempts.order_by("number")]
        assert all(after >= before for before, after in zip(ranks, now, strict=True))
        ranks = now
