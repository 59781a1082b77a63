"""A domain that Resend has not verified stops its organization's mail there, and nobody else's."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from communications.models import Attempt, Message, Organization, Priority, SenderStanding
from communications.policy import senders
from communications.providers import registry
from communications.sending import claims
from tests import factories
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import Mailing, status, statuses, timeline
from wedsync_comms.lib.errors import SenderRejected

pytestmark = pytest.mark.django_db
UNVERIFIED = "The Barn <hello@unverified.example>"


@pytest.fixture
def verified(mailing: Mailing) -> Iterator[Mailing]:
    """The first account knows one domain, as the real one does; the second takes any."""
    mailing.first.control("PATCH", "/resend", {"domains": ["everafter.example"]})
    yield mailing
    mailing.first.control("PATCH", "/resend", {"domains": []})


@pytest.fixture
def barn(db: None) -> Organization:  # noqa: ARG001
    return factories.organization(email_from=UNVERIFIED)


def were_good(*organizations: Organization) -> None:
    senders.note_accepted(
        (organization.pk, "first", senders.sender_at(organization, "first"))
        for organization in organizations
    )


def test_an_unverified_domain_closes_itself_and_is_told_where_it_waits(
    barn: Organization, venue: Organization, verified: Mailing
) -> None:
    theirs = [factories.message(barn) for _ in range(3)]
    ours = [factories.message(venue) for _ in range(3)]

    verified.send_due()

    assert [status(message) for message in theirs] == ["queued"] * 3
    assert [status(message) for message in ours] == ["sent"] * 3
    assert [timeline(message) for message in ours] == [["composed", "accepted"]] * 3
    assert timeline(theirs[0]) == ["composed", "failed", "failover", "held"]
    assert registry.breaker_for("first").state().state == "closed"
    closed = SenderStanding.objects.closed().get()
    assert (closed.organization, closed.sender) == (barn, UNVERIFIED)
    assert "unverified.example domain is not verified" in closed.detail


def test_the_next_provider_has_it_at_once(barn: Organization, verified: Mailing) -> None:
    verified.two_accounts()
    messages = [factories.message(barn) for _ in range(3)]

    verified.send_due()

    assert [status(message) for message in messages] == ["sent"] * 3
    assert {message.provider for message in messages} == {"second"}
    later = factories.message(barn)
    verified.send_due()
    assert (status(later), later.provider) == ("sent", "second")
    assert timeline(later) == ["composed", "failover", "accepted"]
    assert len(verified.requests()) == 1


def test_a_domain_that_is_verified_meanwhile_is_open_after_a_trial(
    barn: Organization, verified: Mailing
) -> None:
    messages = [factories.message(barn) for _ in range(3)]
    verified.send_due()
    verified.first.control("PATCH", "/resend", {"domains": ["unverified.example"]})

    verified.send_until_nothing_is_left()

    assert [status(message) for message in messages] == ["sent"] * 3
    assert not SenderStanding.objects.closed().exists()


def test_one_mail_of_a_batch_names_its_own_sender(
    barn: Organization, venue: Organization, verified: Mailing
) -> None:
    # Both were good once, and so share a call.
    for organization in (barn, venue):
        senders.note_accepted(
            [(organization.pk, "first", senders.sender_at(organization, "first"))]
        )
    theirs, ours = factories.message(barn), factories.message(venue)

    verified.send_due()

    assert (status(ours), timeline(ours)) == ("sent", ["composed", "accepted"])
    assert (status(theirs), Attempt.objects.get(message=theirs).error_class) == (
        "queued",
        "SenderRejected",
    )
    assert SenderStanding.objects.closed().get().organization == barn
    assert verified.requests()[0]["path"] == "/emails/batch"


def test_a_sender_that_was_never_taken_shares_no_call(
    barn: Organization, venue: Organization, mailing: Mailing
) -> None:
    for organization in (barn, venue, barn, venue):
        factories.message(organization)
    mailing.send_due()
    assert len(mailing.requests()) == 2
    for organization in (barn, venue, barn, venue):
        factories.message(organization)
    mailing.send_due()
    assert len(mailing.requests()) == 3


def test_a_batch_that_is_refused_as_a_whole_says_nothing_about_each_of_its_senders(
    barn: Organization, venue: Organization, mailing: Mailing
) -> None:
    mailing.two_accounts()
    for organization in (barn, venue):
        senders.note_accepted(
            [(organization.pk, "first", senders.sender_at(organization, "first"))]
        )
    batches = ["POST /emails/batch"]
    mailing.breaks("status", only=batches, status=403, name="validation_error", count=1)
    messages = [factories.message(barn), factories.message(venue)]

    mailing.send_until_nothing_is_left()

    assert [status(message) for message in messages] == ["sent"] * 2
    assert {message.provider for message in messages} == {"first"}
    assert statuses(messages[0]) == ["failed", "sent"]
    assert not SenderStanding.objects.closed().exists()
    # The second time each went by itself.
    assert [request["path"] for request in mailing.requests()[1:]] == ["/emails", "/emails"]


def test_a_trial_belongs_to_one_claim(barn: Organization, mailing: Mailing) -> None:
    first, second = factories.message(barn), factories.message(barn)
    refusal = SenderRejected("No.", code="403")
    row = senders.close_sender(barn, "first", UNVERIFIED, refusal)
    SenderStanding.objects.update(retry_at=None)
    row.retry_at = None
    stale = SenderStanding.objects.get()
    assert senders.take_trial(row, first)
    assert not senders.take_trial(row, second)
    assert not senders.take_trial(stale, second)
    assert stale.retry_at is not None
    assert stale.retry_at < timezone.now() + senders.LOST_TRIAL_DELAY
    mailing.send_due()
    assert (status(first), status(second)) == ("queued", "queued")


@pytest.mark.usefixtures("mailing")
def test_who_loses_the_race_for_a_trial_waits_for_its_outcome(
    barn: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders.close_sender(barn, "first", UNVERIFIED, SenderRejected("No.", code="403"))
    SenderStanding.objects.update(retry_at=timezone.now())
    monkeypatch.setattr(senders, "take_trial", lambda _row, _message: False)
    message = factories.message(barn)
    assert claims.claim_due("email", "first", usable=["first"], limit=9) == []
    assert (status(message), timeline(message)) == ("queued", ["composed", "held"])


def test_a_sender_of_a_provider_that_is_gone_is_forgotten(
    barn: Organization, mailing: Mailing
) -> None:
    senders.close_sender(barn, "third", UNVERIFIED, SenderRejected("No.", code="403"))
    assert senders.release_corrected() == 1
    assert not SenderStanding.objects.closed().exists()
    urgent = factories.message(barn, priority=Priority.URGENT)
    mailing.send_due()
    assert status(urgent) == "sent"
    assert not Message.objects.waiting().exists()


def test_dispatchers_that_claim_at_once_make_one_trial(at_once: Together) -> None:
    barn = factories.organization(email_from=UNVERIFIED)
    messages = [factories.message(barn) for _ in range(40)]
    senders.close_sender(barn, "resend", UNVERIFIED, SenderRejected("No.", code="403"))
    SenderStanding.objects.update(retry_at=timezone.now())

    answers = at_once(*[["claim", 7]] * 3)

    claimed = [message for answer in answers for call in answer for message in call]
    assert len(claimed) == 1
    row = SenderStanding.objects.get()
    assert row.trials == 1
    held = Message.objects.waiting().exclude(pk=claimed[0])
    assert held.count() == len(messages) - 1
    # Those that lost the race are looked at again soon; the others wait for the next trial.
    soon = timezone.now() + senders.LOST_TRIAL_DELAY
    assert not held.filter(send_after__gt=soon).exclude(send_after=row.retry_at).exists()
