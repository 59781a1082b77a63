"""Who a mail is said to come from is what the provider was told."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.models import Attempt, Message, Organization
from communications.sending import claims
from tests import factories
from tests.communications.engine.mailing import Mailing, account, status

pytestmark = pytest.mark.django_db

USUAL = "Ever After <hello@everafter.example>"
OLD, NEW = "Barn <old@everafter.example>", "Barn <new@everafter.example>"


@pytest.fixture
def barn() -> Organization:
    return factories.organization(email_from=OLD)


def test_mails_composed_before_their_sender_changed_are_from_the_new_one(
    venue: Organization, barn: Organization, mailing: Mailing
) -> None:
    theirs, usual = factories.message(barn), factories.message(venue)
    assert (theirs.sender, usual.sender) == (OLD, "")
    Organization.objects.filter(pk=barn.pk).update(email_from=NEW)

    mailing.send_due()

    for message, sender in ((theirs, NEW), (usual, USUAL)):
        message.refresh_from_db()
        [mail] = mailing.mails(message)
        assert message.sender == Attempt.objects.get(message=message).sender == mail["from"]
        assert message.sender == sender


def test_the_sender_of_all_is_on_record_with_the_call_by_one_statement(
    venue: Organization,
    barn: Organization,
    mailing: Mailing,  # noqa: ARG001 (a provider that takes mails)
) -> None:
    messages = [factories.message(of) for of in (venue, barn, venue)]
    with CaptureQueriesContext(connection) as asked:
        claims.claim_due("email", "first", usable=["first"], limit=100)

    written = [
        query["sql"]
        for query in asked
        if query["sql"].startswith('UPDATE "communications_message"')
    ]
    assert len(written) == 1
    # Only one of two senders that were never taken shares the first call.
    left = Message.objects.filter(pk__in=[message.pk for message in messages], send_after=None)
    assert {message.sender for message in left} <= {USUAL, OLD}
    assert all(Attempt.objects.get(message=message).sender == message.sender for message in left)


def test_a_repeated_call_goes_out_as_the_same_after_the_installation_has_another_address(
    venue: Organization, mailing: Mailing
) -> None:
    message = factories.message(venue)
    mailing.breaks("status", status=503, mode="before", count=1, only=["POST /emails"])
    mailing.send_due()
    other = account(mailing.first, "first", sender="Other <other@everafter.example>")
    mailing.settings.PROVIDERS = {**mailing.settings.PROVIDERS, "first": other}

    mailing.send_until_nothing_is_left()

    message.refresh_from_db()
    [mail] = mailing.mails(message)
    assert status(message) == "sent"
    assert message.sender == mail["from"] == USUAL
