"""Who does not want to be written to is not, whichever way it was said and whichever we try."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from communications.messages import staff_actions
from communications.models import Contact, Message, Organization, Priority, Suppression
from communications.policy import (
    suppressions,
    unsubscribe,
)
from communications.sending import reconciliation
from communications.vocabulary.events import Reason
from tests import factories
from tests.communications.channels.phones import (
    NUMBER,
    OURS,
    VALUES,
    Phones,
    explanations,
    guest,
    last,
    number_of,
    status,
    template,
    timeline,
    twilio_account,
    write,
)


def closed(contact: Contact) -> list[Suppression]:
    return list(Suppression.objects.in_force().filter(organization=contact.organization))


def only(contact: Contact) -> Suppression:
    (row,) = closed(contact)
    return row


# --- STOP and START -----------------------------------------------------------------------------


def test_stop_closes_that_channel_for_that_sender(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    phones.twilio_receives("Stop", sender=number_of(contact))
    row = only(contact)
    assert (row.channel, row.value, row.sender) == ("sms", number_of(contact), OURS)
    assert (row.reason, row.detail) == (Reason.OPT_OUT, "They wrote “Stop”.")
    assert status(write(contact, "sms")) == "suppressed"
    assert status(write(contact, "whatsapp")) == "queued"
    assert status(write(contact, "email")) == "queued"


def test_stop_to_one_sender_leaves_the_others_alone(phones: Phones) -> None:
    first = factories.organization(sms_from="+15550100901")
    second = factories.organization(sms_from="+15550100902")
    contact = guest(first)
    number = number_of(contact)
    phones.twilio_receives("STOP", sender=number, to="+15550100901")
    assert closed(contact)
    assert not Suppression.objects.filter(organization=second).exists()
    assert status(factories.message(second, channel="sms", to=number)) == "queued"


def test_what_was_said_to_another_number_of_ours_does_not_count(phones: Phones) -> None:
    venue = factories.organization(sms_from="+15550100901")
    contact = guest(venue)
    number = number_of(contact)
    reason = Reason.OPT_OUT
    suppressions.suppress_address(
        venue, channel="sms", value=number, sender="+15550100999", reason=reason
    )
    assert phones.send(write(contact, "sms")).status == "sent"


def test_start_opens_what_the_person_closed_and_no_more(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue)
    number = number_of(contact)
    phones.twilio_receives("STOP", sender=number)
    phones.meta_receives("STOP", sender=number)
    for sender in ("+15550100999", ""):
        reason = Reason.OPT_OUT if sender else Reason.BOUNCE
        suppressions.suppress_address(
            venue, channel="sms", value=number, sender=sender, reason=reason
        )
    phones.twilio_receives("START", sender=number)
    left = {(row.channel, row.sender, row.reason) for row in closed(contact)}
    assert left == {
        ("whatsapp", NUMBER, "opt_out"),
        ("sms", "+15550100999", "opt_out"),
        ("sms", "", "bounce"),
    }
    lifted = Suppression.objects.exclude(lifted_at=None).get(reason=Reason.OPT_OUT)
    assert (lifted.sender, lifted.lifted_by) == (OURS, "the recipient")
    entry = Suppression.objects.get(reason=Reason.OPT_IN)
    assert (entry.sender, entry.detail) == (OURS, "They wrote “START”.")


def test_of_a_pool_any_number_speaks_for_all(venue: Organization, phones: Phones) -> None:
    account = twilio_account(phones.sandbox.url, messaging_service_sid="MG" + "0d" * 16)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "twilio": account}
    contact = guest(venue)
    phones.twilio_receives("STOP", sender=number_of(contact), to="+15550100901")
    assert status(write(contact, "sms")) == "suppressed"
    phones.twilio_receives("START", sender=number_of(contact), to="+15550100902")
    assert not closed(contact)


def test_stop_on_whatsapp_closes_whatsapp(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    phones.meta_receives("stop", sender=number_of(contact))
    assert only(contact).channel == "whatsapp"
    assert status(write(contact, "whatsapp")) == "suppressed"
    phones.meta_receives("start", sender=number_of(contact))
    assert status(write(contact, "whatsapp")) == "queued"


# --- what providers say -------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [[], [{"channel": "email"}]])
def test_a_refusal_at_the_call_closes_and_is_not_worked_around(
    venue: Organization,
    phones: Phones,
    plan: list[dict[str, str]],
) -> None:
    contact = guest(venue)
    message = write(contact, "sms", fallback=plan)
    phones.breaks("twilio", "status", status=400, name="21610", count=1)
    assert phones.send(message).status == "failed"
    assert only(contact).channel == "sms"
    assert "failover" not in timeline(message)
    assert message.error_code == "21610"
    assert status(write(contact, "sms")) == "suppressed"


def test_a_refusal_in_a_receipt_closes_and_is_not_worked_around(
    venue: Organization,
    phones: Phones,
) -> None:
    contact = guest(venue)
    message = phones.send(write(contact, "sms", fallback=[{"channel": "email"}]))
    phones.twilio_says(last(message), "undelivered", "21610")
    assert only(contact).reason == Reason.OPT_OUT
    assert status(message) == "failed"
    assert "failover" not in timeline(message)


def test_a_block_on_the_way_is_no_word_of_the_persons(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    message = phones.send(write(contact, "sms", fallback=[{"channel": "email"}]))
    phones.twilio_says(last(message), "undelivered", "30004")
    assert closed(contact) == []
    assert phones.send(message).provider == "mail"
    assert status(phones.send(write(contact, "sms"))) == "sent"


def marketing(contact: Contact) -> Message:
    return write(contact, "whatsapp", body="", template="spring_offer", variables=VALUES)


def utility(contact: Contact) -> Message:
    return write(contact, "whatsapp", body="", template="wedding_update", variables=VALUES)


@pytest.fixture
def both(venue: Organization) -> Organization:
    template(venue, "spring_offer", category="MARKETING", body="Spring, {{1}}: until {{2}}.")
    template(venue, "wedding_update")
    return venue


def test_who_wants_no_advertising_gets_the_rest(both: Organization, phones: Phones) -> None:
    contact = guest(both)
    message = phones.send(marketing(contact))
    phones.meta_says(last(message), "failed", 131050)
    assert only(contact).marketing_only
    assert status(marketing(contact)) == "suppressed"
    assert status(utility(contact)) == "queued"
    assert status(write(contact, "whatsapp")) == "queued"


def test_the_same_where_meta_says_so_at_once(both: Organization, phones: Phones) -> None:
    contact = guest(both)
    message = marketing(contact)
    phones.breaks("whatsapp", "status", status=400, name="131050", count=1)
    assert phones.send(message).status == "failed"
    assert only(contact).marketing_only
    assert status(utility(contact)) == "queued"


def prefers(phones: Phones, contact: Contact, value: str) -> None:
    preference = {"wa_id": number_of(contact)[1:], "value": value, "category": "marketing_messages"}
    phones.meta_posts("user_preferences", user_preferences=[preference])


def test_the_switch_in_the_chat_stops_and_resumes_advertising(
    both: Organization,
    phones: Phones,
) -> None:
    contact = guest(both)
    prefers(phones, contact, "stop")
    assert (only(contact).marketing_only, only(contact).sender) == (True, NUMBER)
    assert status(marketing(contact)) == "suppressed"
    assert status(utility(contact)) == "queued"
    prefers(phones, contact, "something new")
    assert closed(contact)
    prefers(phones, contact, "resume")
    assert status(marketing(contact)) == "queued"


def test_resuming_advertising_takes_back_no_stop(both: Organization, phones: Phones) -> None:
    contact = guest(both)
    phones.meta_receives("STOP", sender=number_of(contact))
    prefers(phones, contact, "stop")
    prefers(phones, contact, "resume")
    assert not only(contact).marketing_only
    assert status(utility(contact)) == "suppressed"


# --- no way around ------------------------------------------------------------------------------


def refuse(contact: Contact, channel: str = "sms") -> None:
    value = contact.addresses.get(channel=channel).value
    suppressions.suppress_address(
        contact.organization, channel=channel, value=value, reason=Reason.OPT_OUT
    )


def test_between_composing_and_sending(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    message = write(contact, "sms")
    refuse(contact)
    assert phones.send(message).status == "suppressed"
    assert "may not be written to" in explanations(message)
    assert not phones.copies(message)


def test_by_trying_again(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    message = write(contact, "sms")
    phones.breaks("twilio", "status", status=400, name="21617", count=1)
    phones.send(message)
    refuse(contact)
    staff_actions.retry_message(message)
    assert phones.send(message).status == "suppressed"
    assert not phones.copies(message)


def test_on_the_ladder(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    message = phones.send(write(contact, "sms"))
    phones.twilio_says(last(message), "failed", "30001")
    assert status(message) == "queued"
    refuse(contact)
    phones.pass_time()
    assert phones.send(message).status == "suppressed"
    assert len(phones.copies(message)) == 1


def test_as_the_next_step_of_a_plan(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    refuse(contact)
    message = write(contact, "whatsapp", fallback=[{"channel": "sms"}, {"channel": "email"}])
    phones.breaks("whatsapp", "status", status=400, name="131026", count=1)
    assert phones.send(message).provider == "mail"
    assert "Not by SMS: " in explanations(message)
    assert not phones.copies(message)


def test_by_a_deadline(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    plan = [{"channel": "sms", "after_seconds": 60}]
    message = phones.send(write(contact, "whatsapp", fallback=plan))
    refuse(contact)
    phones.pass_time()
    reconciliation.escalate_overdue()
    phones.send_due()
    assert [copy["type"] for copy in phones.copies(message)] == ["text"]
    assert status(message) == "sent"


def test_by_a_scheduled_message(venue: Organization, phones: Phones) -> None:
    contact = guest(venue)
    message = write(contact, "sms", send_at=timezone.now() + timedelta(hours=1))
    phones.twilio_receives("STOP", sender=number_of(contact))
    phones.pass_time(hours=2)
    assert phones.send(message).status == "suppressed"


# --- the way out of bulk mail -------------------------------------------------------------------


def bulk(of: Organization, **fields: Any) -> Message:
    usual = {"priority": Priority.BULK, "html": "<p>News</p>"}
    return factories.message(of, **{**usual, **fields})


def path(message: Message) -> str:
    address: str = message.headers["List-Unsubscribe"].strip("<>")
    assert address.startswith("http://testserver/unsubscribe/")
    return address.removeprefix("http://testserver")


@pytest.mark.usefixtures("phones")
def test_only_bulk_mail_has_a_way_out(venue: Organization) -> None:
    message = bulk(venue)
    assert message.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert path(message) in message.body
    assert path(message) in message.html
    for priority in (Priority.NORMAL, Priority.URGENT):
        other = factories.message(venue, priority=priority)
        assert not other.headers
        assert "unsubscribe" not in other.body
    assert not bulk(venue, channel="sms", to="+447700900123", html="").headers


@pytest.mark.usefixtures("phones")
def test_looking_changes_nothing_and_one_click_does(venue: Organization) -> None:
    message = bulk(venue)
    client = Client(enforce_csrf_checks=True)
    assert client.get(path(message)).status_code == 200
    assert client.head(path(message)).status_code == 405
    assert not Suppression.objects.exists()
    body = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        assert client.post(path(message), body).status_code == 200
    row = Suppression.objects.get()
    assert (row.channel, row.value, row.reason) == ("email", message.to, Reason.OPT_OUT)
    assert row.message == message
    assert status(factories.message(venue, to=message.to)) == "suppressed"
    assert status(factories.message(to=message.to)) == "queued"


@pytest.mark.usefixtures("phones")
def test_a_forged_link_and_one_of_a_message_that_is_gone_lead_nowhere(venue: Organization) -> None:
    message = bulk(venue)
    genuine = path(message)
    other = bulk(venue)
    token = unsubscribe.SIGNER.sign(str(message.pk))
    forged = token.replace(str(message.pk), str(other.pk))
    for address in (
        reverse("unsubscribe", args=[forged]),
        reverse("unsubscribe", args=[token + "x"]),
        reverse("unsubscribe", args=[str(message.pk)]),
    ):
        for verb in ("get", "post"):
            assert getattr(Client(), verb)(address).status_code == 404
    message.delete()
    assert Client().post(genuine).status_code == 404
    assert not Suppression.objects.exists()
