"""A domain that Resend has not verified stops its organization's mail there, and nobody else's."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from communications.models import Attempt, Message, Organization, Priority, SenderStanding
from communications.policy import senders
from communications.providers import registry
from communications.sending import claims
from tests import factories
from tests.communications.engine.conftest import Together
from tests.communications.engine.mailing import Mailing, delay, status, statuses, timeline
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
        (organization.pk, "first", senders.sender_at(organization, "first"), "")
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
            [(organization.pk, "first", senders.sender_at(organization, "first"), "")]
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
            [(organization.pk, "first", senders.sender_at(organization, "first"), "")]
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


@pytest.mark.usefixtures("mailing")
@pytest.mark.parametrize("is_told", [False, True])
def test_a_trial_that_is_due_where_nothing_can_be_tried_keeps_nobody_from_the_queue(
    barn: Organization,
    venue: Organization,
    settings: Settings,
    is_told: bool,  # noqa: FBT001
) -> None:
    """The sender is closed at both; the provider whose turn it is again is paused."""
    settings.ROUTES = {"email": ["first", "second"]}
    for slug in ("first", "second"):
        senders.close_sender(barn, slug, UNVERIFIED, SenderRejected("No.", code="403"))
    past = timezone.now() - timedelta(seconds=1)
    SenderStanding.objects.filter(provider="first").update(retry_at=past)
    theirs = factories.message(barn)
    if is_told:
        claims.claim_due("email", "second", usable=["second"], limit=1)
        Message.objects.update(send_after=past)
    ours = factories.message(venue)

    assert claims.claim_due("email", "second", usable=["second"], limit=1) == []
    assert 1 < delay(theirs) <= senders.LOST_TRIAL_DELAY.total_seconds()
    (claim,) = claims.claim_due("email", "second", usable=["second"], limit=1)
    assert [attempt.message for attempt in claim.attempts] == [ours]
    assert timeline(theirs) == ["composed", "held"]


@pytest.mark.usefixtures("mailing")
def test_who_opens_a_sender_finds_also_what_a_trial_has_moved_meanwhile(
    barn: Organization,
) -> None:
    message, trial = factories.message(barn), factories.message(barn)
    stale = senders.close_sender(barn, "first", UNVERIFIED, SenderRejected("No.", code="403"))
    past = timezone.now() - timedelta(seconds=1)
    SenderStanding.objects.update(retry_at=past)
    Message.objects.filter(pk=message.pk).update(send_after=past)
    assert senders.take_trial(SenderStanding.objects.get(), trial)
    assert delay(message) > 60

    senders.open_sender(stale, accepted_at=timezone.now())

    assert delay(message) <= 0


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
