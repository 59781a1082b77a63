import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.vocabulary.statuses import (
    CHAIN,
    DECISIONS,
    REACHED,
    UNANSWERED,
    Status,
    message_status,
)

links = st.sampled_from(CHAIN)


@given(links, links)
def test_it_does_not_matter_which_of_two_is_joined_to_the_other(
    status: Status, two: Status
) -> None:
    assert status.joined(two) is two.joined(status)


@given(links, links, links)
def test_it_does_not_matter_which_are_joined_first(
    status: Status, two: Status, three: Status
) -> None:
    assert status.joined(two).joined(three) is status.joined(two.joined(three))


@given(links, links)
def test_joining_again_changes_nothing(status: Status, two: Status) -> None:
    joined = status.joined(two)

    assert joined.joined(two) is joined.joined(status) is joined.joined(joined) is joined


@given(links, links)
def test_joining_never_moves_down(status: Status, two: Status) -> None:
    assert status.joined(two).rank >= status.rank


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Status.QUEUED, Status.UNKNOWN),
        (Status.UNKNOWN, Status.SENT),
        (Status.SENT, Status.FAILED),
        (Status.FAILED, Status.DELIVERED),
        (Status.DELIVERED, Status.BOUNCED),
        (Status.BOUNCED, Status.READ),
    ],
)
def test_the_chain_is_in_this_order(low: Status, high: Status) -> None:
    assert low.joined(high) is high


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], Status.QUEUED),
        ([Status.QUEUED], Status.QUEUED),
        ([Status.UNKNOWN], Status.UNKNOWN),
        ([Status.UNKNOWN, Status.QUEUED], Status.UNKNOWN),
        ([Status.SENT], Status.SENT),
        ([Status.FAILED], Status.FAILED),
        ([Status.BOUNCED], Status.BOUNCED),
        ([Status.FAILED, Status.QUEUED], Status.QUEUED),
        ([Status.FAILED, Status.SENT], Status.SENT),
        ([Status.FAILED, Status.BOUNCED], Status.BOUNCED),
        # A late receipt for the first, after the second provider took it as well.
        ([Status.DELIVERED, Status.SENT], Status.DELIVERED),
        ([Status.BOUNCED, Status.SENT], Status.SENT),
        ([Status.READ, Status.BOUNCED], Status.READ),
    ],
)
def test_a_message_is_called_after_its_attempts(attempts: list[Status], expected: Status) -> None:
    assert message_status(attempts) is expected


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("attempts", [[], [Status.FAILED], [Status.BOUNCED]])
def test_a_decision_of_ours_names_what_reached_nobody(
    attempts: list[Status],
    decision: Status,
) -> None:
    assert message_status(attempts, decision=decision) is decision


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("evidence", [*REACHED, *UNANSWERED])
def test_no_decision_of_ours_hides_that_somebody_may_have_it(
    evidence: Status,
    decision: Status,
) -> None:
    assert message_status([Status.FAILED, evidence], decision=decision) is evidence


@pytest.mark.parametrize("attempts", [[], [Status.FAILED], [Status.BOUNCED], [Status.UNKNOWN]])
def test_what_will_be_tried_again_is_queued(attempts: list[Status]) -> None:
    assert message_status(attempts, waiting=True) is Status.QUEUED


@pytest.mark.parametrize("evidence", REACHED)
def test_what_reached_somebody_is_not_queued_even_if_it_waits(evidence: Status) -> None:
    assert message_status([evidence, Status.FAILED], waiting=True) is evidence


@given(st.permutations([*CHAIN, *CHAIN]), st.sampled_from([None, *DECISIONS]), st.booleans())
def test_a_message_does_not_depend_on_the_order_of_its_attempts(
    attempts: list[Status],
    decision: Status | None,
    waiting: bool,  # noqa: FBT001
) -> None:
    part = attempts[:5]
    forwards = message_status(part, decision=decision, waiting=waiting)

    assert message_status(part[::-1], decision=decision, waiting=waiting) is forwards
    assert message_status([*part, *part], decision=decision, waiting=waiting) is forwards
