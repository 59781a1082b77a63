"""What becomes of a stored webhook: applied once, in any order, or kept until it can be."""

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from communications import tasks
from communications.book import contacts
from communications.errors import InvalidAddress
from communications.messages import staff_actions
from communications.models import (
    Address,
    Contact,
    Event,
    Message,
    Organization,
    Suppression,
    WebhookDelivery,
)
from communications.policy import suppressions
from communications.receiving import deliveries, inbox
from communications.receiving.inbox import Inbox
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.edges import posting
from tests.communications.edges.posting import accept, claimed, deliver, echo, sent
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

BOUNCE = {"type": "Permanent", "subType": "NoEmail", "message": "No such mailbox."}


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def stray_tags() -> dict[str, str]:
    """Ids like ours, of no message there is."""
    return {"message": str(uuid4()), "call": str(uuid4())}


def become_due() -> None:
    """As if the pause until the next try were over."""
    WebhookDelivery.objects.unapplied().update(apply_after=timezone.now())


def status(message: Message) -> str:
    message.refresh_from_db()
    return message.status


# --- receipts -----------------------------------------------------------------------------------


def test_a_receipt_moves_the_message_and_joins_its_timeline() -> None:
    message = sent("e1")
    deliver("email.delivered", event_id="msg_9", email_id="e1")
    assert status(message) == Status.SENT
    assert deliveries.apply_due() == 1
    assert status(message) == Status.DELIVERED
    event = message.events.latest("id")
    assert (event.kind, event.source, event.event_id) == (Kind.DELIVERED, Source.WEBHOOK, "msg_9")
    assert event.changed
    assert event.occurred_at < event.recorded_at
    delivery = only()
    assert (delivery.type, delivery.tries, delivery.error) == ("email.delivered", 1, "")
    assert delivery.applied_at is not None
    assert delivery.organization_id == message.organization_id
    assert deliveries.apply_due() == 0


def test_a_duplicate_changes_nothing() -> None:
    message = sent("e1")
    for _ in range(3):
        deliver("email.delivered", event_id="msg_1", email_id="e1")
    tasks.replay_deliveries()
    assert deliveries.replay_delivery(only())
    assert message.events.filter(kind=Kind.DELIVERED).count() == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("email.sent", "email.delivered", "email.opened"), Status.DELIVERED),
        (("email.sent", "email.delivered", "email.bounced"), Status.BOUNCED),
        (("email.sent", "email.delivery_delayed", "email.failed"), Status.FAILED),
        (("email.delivered", "email.failed", "email.clicked"), Status.DELIVERED),
    ],
)
def test_events_in_any_order_end_in_the_same_place(
    names: tuple[str, ...],
    expected: Status,
) -> None:
    for order in itertools.permutations(names):
        message = sent()
        for name in order:
            deliver(name, email_id=message.provider_id)
            deliveries.apply_due()
        # The mail was accepted, and that much stays true of a message that then failed or bounced.
        attempt = message.attempts.get()
        assert attempt.status == expected, order
        assert message.events.filter(source=Source.WEBHOOK).count() == 3


def test_a_late_sent_does_not_undo_delivered() -> None:
    message = sent("e1")
    for name in ("email.delivered", "email.sent", "email.delivery_delayed"):
        deliver(name, email_id="e1")
        deliveries.apply_due()
    assert status(message) == Status.DELIVERED
    assert [event.changed for event in message.events.filter(source=Source.WEBHOOK)] == [
        True,
        False,
        False,
    ]


def test_a_receipt_for_an_older_attempt_still_counts() -> None:
    message = sent("e1")
    deliver("email.failed", email_id="e1", failed={"reason": "something_else"})
    deliveries.apply_due()
    assert status(message) == Status.FAILED
    staff_actions.retry_message(message)
    accept(claimed(message), "e2")
    deliver("email.delivered", email_id="e1")
    deliveries.apply_due()
    assert status(message) == Status.DELIVERED


def test_a_receipt_that_beats_the_answer_is_matched_by_our_own_ids() -> None:
    """The attempt is committed, its provider's id is not known yet."""
    message = factories.message()
    claim = claimed(message)
    deliver("email.delivered", email_id="e1", tags=echo(claim))
    deliveries.apply_due()
    assert status(message) == Status.DELIVERED
    accept(claim, "e1")
    assert status(message) == Status.DELIVERED
    assert message.attempts.get().provider_id == "e1"


def test_a_receipt_that_beats_the_commit_is_applied_moments_later() -> None:
    message = factories.message()
    deliver("email.delivered", email_id="e1", tags=stray_tags())
    deliveries.apply_due()
    delivery = only()
    assert delivery.applied_at is None
    assert "e1" in delivery.error
    assert delivery.apply_after is not None
    assert delivery.apply_after - timezone.now() < timedelta(seconds=1.5)
    accept(claimed(message), "e1")
    become_due()
    deliveries.apply_due()
    assert status(message) == Status.DELIVERED
    assert only().error == ""


def test_ids_of_somebody_elses_message_match_nothing() -> None:
    message, other = factories.message(), factories.message()
    claim = claimed(message)
    deliver("email.delivered", email_id="e1", tags={**echo(claim), "message": str(other.pk)})
    deliver("email.delivered", email_id="e2", tags={"message": "x", "call": "y"})
    deliver("email.delivered", email_id="", tags={})
    deliveries.apply_due()
    assert (status(message), status(other)) == (Status.QUEUED, Status.QUEUED)
    # Without ids like ours it is another program's, and done with.
    assert b'"e1"' in bytes(WebhookDelivery.objects.get(applied_at=None).body)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"tags": {}},
        {"tags": []},
        {"tags": {"category": "newsletter"}},
        {"tags": [{"name": "message", "value": "welcome"}, {"name": "call", "value": "1"}]},
        {"tags": {"message": str(uuid4())}},
    ],
)
def test_receipts_of_other_programs_of_the_team_are_stored_and_ignored(
    data: dict[str, Any],
) -> None:
    for name in ("email.sent", "email.bounced", "email.complained", "email.failed"):
        deliver(name, email_id=str(uuid4()), bounce=BOUNCE, **data)
    assert deliveries.apply_due() == 4
    assert set(WebhookDelivery.objects.values_list("error", "apply_after", "tries")) == {
        ("", None, 1)
    }
    assert not WebhookDelivery.objects.filter(applied_at=None).exists()


def test_what_matches_nothing_is_tried_by_schedule_and_then_left_to_staff() -> None:
    deliver("email.delivered", email_id="never-heard-of", tags=stray_tags())
    for pause in deliveries.REPLAY_PAUSES_SECONDS:
        assert deliveries.apply_due() == 1
        left = only().apply_after
        assert left is not None
        assert abs((left - timezone.now()).total_seconds() - pause) < 1
        assert deliveries.apply_due() == 0
        become_due()
    assert deliveries.apply_due() == 1
    delivery = only()
    assert (delivery.apply_after, delivery.applied_at) == (None, None)
    assert delivery.tries == len(deliveries.REPLAY_PAUSES_SECONDS) + 1
    assert "never-heard-of" in delivery.error
    become_due()
    assert deliveries.apply_due() == 0


def test_staff_replay_what_was_left_once_it_can_be_applied() -> None:
    deliver("email.delivered", email_id="e1", tags=stray_tags())
    deliveries.apply_due()
    WebhookDelivery.objects.update(apply_after=None, tries=99)
    assert not deliveries.replay_delivery(only())
    assert only().apply_after is None
    message = sent("e1")
    assert deliveries.replay_delivery(only())
    assert status(message) == Status.DELIVERED
    assert only().applied_at is not None


def test_an_unknown_event_type_is_kept_and_done_with() -> None:
    deliver("email.dreamt_of", email_id="e1")
    deliveries.apply_due()
    delivery = only()
    assert (delivery.type, delivery.error) == ("email.dreamt_of", "")
    assert delivery.applied_at is not None
    assert not Event.objects.exists()


def test_what_cannot_be_read_is_kept_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    deliveries.receive_delivery("resend", posting.request(b'{"type": "email.sent", "data": []}'))
    deliveries.receive_delivery("resend", posting.request(b"no json"))
    deliveries.apply_due()
    for delivery in WebhookDelivery.objects.all():
        assert delivery.error.startswith("MalformedRequest: ")
        assert delivery.apply_after is not None
    assert len(caplog.records) == 2


def test_a_delivery_of_a_provider_that_is_gone_waits_for_it(settings: Settings) -> None:
    message = sent("e1")
    deliver("email.delivered", email_id="e1")
    providers = settings.PROVIDERS
    settings.PROVIDERS = {}
    deliveries.apply_due()
    assert "KeyError" in only().error
    settings.PROVIDERS = providers
    become_due()
    deliveries.apply_due()
    assert status(message) == Status.DELIVERED


# --- many in one, many at once ------------------------------------------------------------------


@pytest.fixture
def many(settings: Settings) -> str:
    resend = settings.PROVIDERS["resend"]
    backend = "tests.communications.edges.many.Many"
    settings.PROVIDERS = {"resend": resend, "many": {**resend, "BACKEND": backend}}
    return "many"


def item(name: str, email_id: str) -> dict[str, Any]:
    return {"type": name, "data": {"email_id": email_id, "tags": stray_tags()}}


def test_one_bad_item_loses_none_of_the_others(many: str) -> None:
    messages = [sent(f"e{number}") for number in range(3)]
    Message.objects.filter(pk__in=[message.pk for message in messages])
    for message in messages:
        message.attempts.update(provider=many)
    items = [
        item("email.delivered", "e0"),
        item("email.delivered", "nobody's"),
        item("email.delivered", "e1"),
        item("email.tomorrow", "e1"),
        item("email.bounced", "e2"),
    ]
    deliveries.receive_delivery(many, posting.request(json.dumps({"items": items}).encode()))
    deliveries.apply_due()
    assert [status(message) for message in messages] == ["delivered", "delivered", "bounced"]
    delivery = only()
    assert "nobody's" in delivery.error
    assert delivery.applied_at is None
    late = sent("nobody's")
    late.attempts.update(provider=many)
    become_due()
    deliveries.apply_due()
    assert status(late) == Status.DELIVERED
    assert only().applied_at is not None
    for message in messages:
        assert message.events.filter(source=Source.WEBHOOK).count() == 1


def test_a_crash_in_one_delivery_stops_none_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    message = sent("e1")
    deliver("email.delivered", email_id="x" * 5, created_at="", tags={"message": 7})
    deliveries.receive_delivery(
        "resend", posting.request(b'{"data": {"email_id": "e1"}, "type": []}')
    )
    deliver("email.delivered", email_id="e1")
    assert deliveries.apply_due() == 3
    assert status(message) == Status.DELIVERED
    assert not [record for record in caplog.records if "secret" in record.getMessage()]


def test_a_process_that_dies_while_applying_gives_the_delivery_back() -> None:
    message = sent("e1")
    deliver("email.delivered", email_id="e1")
    (taken,) = Inbox().claim()
    assert Inbox().claim() == []
    left = only().apply_after
    assert left is not None
    assert timedelta(seconds=55) < left - timezone.now() <= inbox.DELIVERY_LEASE
    # It died right after it applied and before it could say so.
    deliveries.apply_provider_event("resend", deliveries.read_events(taken)[0], taken.event_id)
    become_due()
    deliveries.apply_due()
    assert status(message) == Status.DELIVERED
    assert message.events.filter(kind=Kind.DELIVERED).count() == 1


def test_no_more_than_a_batch_is_claimed_at_once() -> None:
    for number in range(inbox.DELIVERY_BATCH + 3):
        deliveries.receive_delivery(
            "resend", posting.request(b"{}", event_id=f"msg_batch_{number}")
        )
    assert len(Inbox().claim()) == inbox.DELIVERY_BATCH
    assert len(Inbox().claim()) == 3


@pytest.mark.django_db(transaction=True)
def test_several_appliers_at_once_apply_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "DELIVERY_BATCH", 7)
    organizations = [factories.organization() for _ in range(3)]
    messages = [sent(f"e{number}", of=organizations[number % 3]) for number in range(20)]
    for message in messages:
        for name in ("email.sent", "email.delivered"):
            deliver(name, email_id=message.provider_id)
    barrier = threading.Barrier(4)

    def work(_: int) -> int:
        barrier.wait(30)
        try:
            return sum(iter(deliveries.apply_due, 0))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 40
    for message in messages:
        assert status(message) == Status.DELIVERED
        assert message.events.filter(source=Source.WEBHOOK).count() == 2


# --- addresses that are closed ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("email.bounced", {"bounce": BOUNCE}, "bounce"),
        ("email.complained", {}, "complaint"),
        ("email.suppressed", {"suppressed": {"reason": "previous_complaint"}}, "complaint"),
    ],
)
def test_a_receipt_closes_the_address_in_its_organization(
    name: str,
    data: dict[str, Any],
    reason: str,
) -> None:
    message = sent("e1")
    factories.contact(factories.organization(), email=message.to)
    deliver(name, email_id="e1", **data)
    deliveries.apply_due()
    closed = Suppression.objects.get()
    assert (closed.organization_id, closed.value) == (message.organization_id, message.to)
    assert (closed.reason, closed.message_id) == (reason, message.pk)


def test_a_full_mailbox_closes_nothing() -> None:
    sent("e1")
    deliver("email.bounced", email_id="e1", bounce={**BOUNCE, "type": "Transient"})
    deliveries.apply_due()
    assert not Suppression.objects.exists()


def test_an_address_that_was_opened_again_is_not_closed_by_a_replay() -> None:
    sent("e1")
    deliver("email.complained", email_id="e1")
    deliveries.apply_due()
    suppressions.lift_suppressions(Suppression.objects.all(), by="amelia")
    assert deliveries.replay_delivery(only())
    assert not Suppression.objects.in_force().exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [("contact.updated", {"unsubscribed": True}), ("suppression.added", {"origin": "manual"})],
)
def test_what_the_account_closes_is_closed_for_everyone_who_knows_it(
    name: str,
    data: dict[str, Any],
) -> None:
    first, second = factories.organization(), factories.organization()
    for organization in (first, second):
        factories.contact(organization, email="amelia@example.com")
    factories.contact(factories.organization(), email="tom@example.com")
    deliver(name, email="Amelia@Example.com", **data)
    deliveries.apply_due()
    closed = Suppression.objects.values_list("organization", "value")
    assert set(closed) == {(first.pk, "amelia@example.com"), (second.pk, "amelia@example.com")}
    assert only().organization_id is None


# --- mail that comes in -------------------------------------------------------------------------

INBOUND = {
    "email_id": "in-1",
    "from": "Amelia Hart <Amelia@Example.com>",
    "to": ["Rosewood Barn <hello@rosewood.example>"],
    "subject": "Re: Your day",
}


@pytest.fixture
def rosewood() -> Organization:
    return factories.organization(email_from="Rosewood Barn <hello@rosewood.example>")


def received(**data: Any) -> list[Message]:
    deliver("email.received", **{**INBOUND, **data})
    deliveries.apply_due()
    return list(Message.objects.filter(direction="inbound"))


def test_a_received_mail_joins_its_contacts_thread(rosewood: Organization) -> None:
    contact = factories.contact(rosewood, email="amelia@example.com")
    factories.contact(factories.organization(), email="amelia@example.com")
    (message,) = received()
    assert (message.organization, message.contact) == (rosewood, contact)
    assert (message.status, message.is_complete) == (Status.DELIVERED, False)
    assert message.subject == "Re: Your day"
    assert message.provider_id == "in-1"
    event = message.events.get()
    assert (event.kind, event.organization_id) == (Kind.RECEIVED, rosewood.pk)
    assert only().organization_id == rosewood.pk


def test_a_stranger_becomes_a_contact(rosewood: Organization) -> None:
    (message,) = received()
    assert message.contact is not None
    assert message.contact.addresses.get().value == "amelia@example.com"
    received(email_id="in-2")
    assert Contact.objects.filter(organization=rosewood).count() == 1


def test_a_mail_server_writes_without_becoming_a_contact(rosewood: Organization) -> None:
    (message,) = received(**{"from": "<>"})
    assert message.contact is None
    assert not Address.objects.filter(organization=rosewood).exists()


def test_the_same_mail_announced_twice_is_one_message(rosewood: Organization) -> None:
    received()
    assert len(received()) == 1
    assert Event.objects.filter(organization=rosewood).count() == 1


def test_a_mail_to_nobody_here_waits_for_staff(rosewood: Organization) -> None:
    assert received(to=["somebody@else.example"]) == []
    assert "somebody@else.example" in only().error
    assert received(email_id="in-2", to=[]) == []
    Organization.objects.filter(pk=rosewood.pk).update(email_from="somebody@else.example")
    become_due()
    deliveries.apply_due()
    assert Message.objects.get(direction="inbound").organization == rosewood


def test_who_was_only_copied_in_gets_the_mail_too(rosewood: Organization) -> None:
    (message,) = received(to=["tom@example.com"], cc=["HELLO@rosewood.example"])
    assert message.organization == rosewood


def test_of_several_with_one_address_the_one_that_wrote_last_gets_the_answer() -> None:
    first, second, third = (factories.organization() for _ in range(3))
    shared = ["Ever After <hello@everafter.example>"]
    for organization in (first, second):
        factories.message(organization, to="amelia@example.com")
    factories.message(third, to="tom@example.com")
    (message,) = received(to=shared)
    assert message.organization == second
    assert len(received(email_id="in-2", to=shared, **{"from": "nobody@example.com"})) == 1


def test_text_that_no_database_takes_is_taken(rosewood: Organization) -> None:
    (message,) = received(subject="a\x00b\ud800c")
    assert message.subject == "abc"
    assert message.organization == rosewood


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(resend_api_key="re_ingest") as running:
        yield running


def test_the_body_is_fetched_after_the_webhook_was_answered(
    server: SandboxServer,
    settings: Settings,
    rosewood: Organization,
) -> None:
    assert rosewood.pk
    resend = settings.PROVIDERS["resend"]
    options = {"api_key": "re_ingest", "api_url": f"{server.url}/resend"}
    settings.PROVIDERS = {"resend": {**resend, "OPTIONS": {**resend["OPTIONS"], **options}}}
    mail = {"from": "amelia@example.com", "to": "hello@rosewood.example", "text": "Yes, we do!"}
    made = server.control("POST", "/resend/inbound", {**mail, "html": "<p>Yes</p>"})
    (message,) = received(email_id=made["id"])
    assert (message.body, message.is_complete) == ("", False)
    # Another one that the provider no longer has is no obstacle.
    received(email_id=str(uuid4()))
    assert tasks.fetch_received() == 1
    message.refresh_from_db()
    assert (message.body, message.html, message.is_complete) == ("Yes, we do!", "<p>Yes</p>", True)


# --- contacts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "value", "expected"),
    [
        ("email", " Amelia@EXAMPLE.com ", "amelia@example.com"),
        ("email", "a@bücher.example", "a@xn--bcher-kva.example"),
        ("sms", "07700 900123", "+447700900123"),
        ("sms", "+1 (650) 253-0000", "+16502530000"),
        ("whatsapp", "0044 7700 900123", "+447700900123"),
    ],
)
def test_an_address_has_one_form(channel: str, value: str, expected: str) -> None:
    assert contacts.normalise_address(channel, value, region="GB") == expected


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("email", ""),
        ("email", "amelia"),
        ("email", "a@b"),
        ("email", "jörg@example.com"),
        ("email", "a@example.com\nBcc: b@example.com"),
        ("email", "a@example.com, b@example.com"),
        ("sms", "call me"),
        ("sms", "12"),
        ("sms", "+44 1234567890123456"),
    ],
)
def test_what_is_no_address_is_refused_in_words(channel: str, value: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        contacts.normalise_address(channel, value, region="GB")
    assert len(str(caught.value)) > 20


def test_an_address_belongs_to_one_contact(rosewood: Organization) -> None:
    factories.contact(rosewood, email="amelia@example.com")
    with pytest.raises(InvalidAddress, match="another contact"):
        factories.contact(rosewood, email="AMELIA@example.com")
    assert Contact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_stranger_who_writes_twice_at_once_is_one_contact() -> None:
    organization = factories.organization()
    barrier = threading.Barrier(6)

    def work(_: int) -> int:
        barrier.wait(30)
        try:
            return contacts.find_or_create_contact(
                organization, channel="email", value="amelia@example.com"
            ).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(work, range(6)))) == 1
    assert Contact.objects.count() == 1
