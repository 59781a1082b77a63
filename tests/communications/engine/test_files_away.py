"""A mail whose files cannot be read now: it waits, nothing is burnt, and everybody else goes on."""

from typing import Any

import pytest

from communications.models import Attempt, Event, Message, Organization
from communications.policy.retry_policy import Action, Detour, decide_after
from communications.providers import registry
from communications.sending import provider_call
from tests import factories
from tests.communications.engine.mailing import Mailing, delay, status
from tests.communications.engine.test_compose import attachment
from tests.communications.files.conftest import Outage, away, folder
from wedsync_comms.lib.errors import NotReady

pytestmark = pytest.mark.django_db

__all__ = ["away", "folder"]


@pytest.fixture
def heavy(venue: Organization, mailing: Mailing, folder: Any) -> Message:  # noqa: ARG001
    return factories.message(venue, attachments=[attachment()])


def test_it_waits_and_leaves_once_when_the_storage_is_back(
    heavy: Message, venue: Organization, mailing: Mailing, away: Outage
) -> None:
    light = factories.message(venue)
    away.begins()
    mailing.send_due()

    assert (status(heavy), status(light)) == ("queued", "sent")
    assert 14 < delay(heavy) <= 15
    [attempt] = Attempt.objects.filter(message=heavy)
    assert (attempt.status, attempt.error_class) == ("failed", "NotReady")
    told = list(Event.objects.filter(message=heavy).values_list("detail", flat=True))
    assert "The storage of files does not answer, so the attachments cannot be read now." in told
    assert "Next try in 15 s." in told

    for _ in range(8):
        mailing.pass_time()
        mailing.send_due()
    assert status(heavy) == "queued"
    assert 290 < delay(heavy) <= 300

    away.ends()
    mailing.send_until_nothing_is_left()
    assert status(heavy) == "sent"
    [mail] = mailing.mails(heavy)
    shown = mailing.first.control("GET", f"/resend/emails/{mail['id']}")
    assert [file["filename"] for file in shown["attachments"]] == ["menu.pdf"]


def test_it_says_nothing_about_the_provider_and_asks_no_other(
    heavy: Message, mailing: Mailing, away: Outage
) -> None:
    mailing.two_accounts()
    away.begins()
    for _ in range(12):
        mailing.send_due()
        mailing.pass_time()
    assert set(Attempt.objects.values_list("provider", flat=True)) == {"first"}
    assert Attempt.objects.filter(message=heavy).count() == 12
    assert registry.breaker_for("first").state().state == "closed"
    assert mailing.requests() == mailing.requests(second=True) == []


def test_a_call_that_may_have_arrived_is_asked_about_again_as_it_was(
    heavy: Message, mailing: Mailing, away: Outage
) -> None:
    mailing.breaks("drop_connection", mode="after", count=1)
    mailing.send_due()
    assert status(heavy) == "unknown"
    away.begins()
    mailing.pass_time()
    mailing.send_due()
    assert status(heavy) == "unknown"

    away.ends()
    mailing.send_until_nothing_is_left()
    assert status(heavy) == "sent"
    assert len(mailing.mails(heavy)) == 1
    assert Attempt.objects.filter(message=heavy).values("call").distinct().count() == 1


def test_another_way_is_none_for_what_is_missing_here() -> None:
    error = NotReady("Away.", retry_after=provider_call.FILES_AWAY)
    decision = decide_after(
        error, retries_used=0, idempotent=True, detour=Detour(is_open=True, is_fresh=True)
    )
    assert (decision.action, decision.delay) == (Action.RETRY, provider_call.FILES_AWAY)
