"""Whose delivery is applied next: what is new before what failed, and everybody in turns."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.models import Message, WebhookDelivery
from communications.receiving import deliveries, inbox
from communications.receiving.inbox import Inbox
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.edges import posting
from tests.communications.edges.posting import claimed, deliver, echo, sent

pytestmark = pytest.mark.django_db
TABLE = WebhookDelivery._meta.db_table


def stray_tags() -> dict[str, str]:
    """Ids like ours, of no message there is."""
    return {"message": str(uuid4()), "call": str(uuid4())}


def orphans(count: int) -> None:
    """Receipts that match nothing, tried once and due again."""
    for number in range(count):
        deliver("email.delivered", email_id=f"nobody's-{number}", tags=stray_tags())
    WebhookDelivery.objects.update(tries=1, apply_after=timezone.now() - timedelta(hours=1))


def test_what_failed_before_comes_after_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "RETRIED_BATCH", 2)
    orphans(4)
    message = sent("e1")
    deliver("email.delivered", email_id="e1")
    first, *retried = Inbox().claim()
    assert (first.tries, [delivery.tries for delivery in retried]) == (0, [1, 1])
    deliveries.apply_delivery(first)
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_what_is_new_never_keeps_what_failed_before_waiting_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "DELIVERY_BATCH", 2)
    orphans(1)
    for _ in range(3):
        deliver("email.delivered", email_id="nobody's", tags=stray_tags())
    assert [delivery.tries for delivery in Inbox().claim()] == [0, 0, 1]


def test_of_those_that_failed_the_one_that_failed_least_often_is_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may only have beaten a commit; the others have had their chances."""
    monkeypatch.setattr(inbox, "RETRIED_BATCH", 1)
    orphans(3)
    WebhookDelivery.objects.update(tries=4)
    deliver("email.delivered", email_id="e1", tags=stray_tags())
    WebhookDelivery.objects.filter(tries=0).update(tries=1)
    assert [delivery.tries for delivery in Inbox().claim()] == [1]


# --- turns ---------------------------------------------------------------------------------------


def waiting(*keys: str, tries: int = 0) -> list[WebhookDelivery]:
    """As many deliveries as keys, in their order."""
    now = timezone.now()
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            provider="resend",
            event_id=uuid4().hex,
            fairness_key=key,
            headers={},
            body=b"{}",
            received_at=now,
            apply_after=now - timedelta(seconds=len(keys) - number),
            tries=tries,
        )
        for number, key in enumerate(keys)
    )


def keys_of(claimed: list[WebhookDelivery]) -> list[str]:
    return [delivery.fairness_key for delivery in claimed]


def key_of_next(name: str, /, **data: Any) -> str:
    deliver(name, **data)
    return WebhookDelivery.objects.latest("id").fairness_key


@pytest.mark.parametrize("tries", [0, 1])
def test_a_flood_of_one_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch, tries: int) -> None:
    for name in ("DELIVERY_BATCH", "RETRIED_BATCH"):
        monkeypatch.setattr(inbox, name, 4)
    waiting(*["flood"] * 20, tries=tries)
    mine = Inbox()
    assert keys_of(mine.claim()) == ["flood"] * 4
    waiting("other", "third", tries=tries)
    assert Counter(keys_of(mine.claim())) == {"flood": 2, "other": 1, "third": 1}
    assert keys_of(mine.claim()) == ["flood"] * 4


def test_of_more_parties_than_places_each_has_a_turn_before_anybody_has_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "DELIVERY_BATCH", 3)
    parties = [f"party {number}" for number in range(7)]
    waiting(*parties * 4)
    mine = Inbox()
    served = Counter[str]()
    for _ in range(7):
        served.update(keys_of(mine.claim()))
        assert max(served.values()) - min(served[party] for party in parties) <= 1
    assert served == dict.fromkeys(parties, 3)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's statistics")
def test_a_claim_reads_no_more_of_a_large_flood_than_of_a_small_one() -> None:
    for tries in (0, 1, 2):
        waiting(*["flood"] * 400, *["other"] * 400, "third", tries=tries)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE communications_webhookdelivery")
    mine = Inbox()
    before = rows_read()
    taken = mine.claim()
    assert len(taken) == inbox.DELIVERY_BATCH + inbox.RETRIED_BATCH
    # Of 2,403.
    assert rows_read() - before < 400


def rows_read() -> int:
    """How many rows of the inbox this transaction has fetched."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_stat_get_xact_tuples_returned(%s::regclass), 0) + coalesce(sum("
            "  pg_stat_get_xact_tuples_returned(indexrelid)), 0)"
            "FROM pg_index WHERE indrelid = %s::regclass",
            [TABLE, TABLE],
        )
        return int(cursor.fetchone()[0])


def test_who_has_less_than_its_part_leaves_the_rest_to_the_others() -> None:
    waiting("one", *["many"] * 20)
    taken = Inbox().claim()
    assert Counter(keys_of(taken)) == {"one": 1, "many": inbox.DELIVERY_BATCH - 1}
    assert len({delivery.pk for delivery in taken}) == inbox.DELIVERY_BATCH


@given(parties=st.lists(st.sampled_from("abcde"), max_size=25), places=st.integers(1, 6))
@hypothesis_settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_whatever_waits_is_claimed_once_and_in_the_order_of_its_party(
    monkeypatch: pytest.MonkeyPatch, parties: list[str], places: int
) -> None:
    monkeypatch.setattr(inbox, "DELIVERY_BATCH", places)
    WebhookDelivery.objects.all().delete()
    stored = [delivery.pk for delivery in waiting(*parties)]
    mine, claimed = Inbox(), list[WebhookDelivery]()
    while taken := mine.claim():
        assert len(taken) <= places
        claimed += taken
    assert sorted(delivery.pk for delivery in claimed) == stored
    for party in set(parties):
        own = [delivery.pk for delivery in claimed if delivery.fairness_key == party]
        assert own == sorted(own)


# --- whom it is about ----------------------------------------------------------------------------


def test_a_receipt_is_its_organizations_and_one_that_matches_nothing_is_nobodys() -> None:
    first, second = sent("e1"), sent("e2")
    keys = [key_of_next("email.delivered", email_id=of) for of in ("e1", "e2")]
    assert keys == [f"resend:{of.organization_id}:receipts" for of in (first, second)]
    assert key_of_next("email.delivered", email_id="e3", tags=stray_tags()) == "resend:unmatched"
    claim = claimed(early := factories.message())
    key = key_of_next("email.delivered", email_id="e4", tags=echo(claim))
    assert key == f"resend:{early.organization_id}:receipts"
    assert key_of_next("email.delivered", email_id="", tags={}) == "resend:unmatched"
    assert key_of_next("suppression.added", email="amelia@example.com") == "resend:nobody"
    assert key_of_next("email.dreamt_of", email_id="e1") == "resend:nobody"


def test_a_message_that_came_in_is_the_organizations_that_is_written_to() -> None:
    barn = factories.organization(email_from="Rosewood Barn <hello@rosewood.example>")
    shared = factories.organization()
    factories.contact(shared, email="tom@example.com")
    factories.contact(factories.organization(), email="tom@example.com")
    to_barn = key_of_next("email.received", **mail("amelia@example.com", "Hello@Rosewood.example"))
    # Who shares the installation's address is told apart by who wrote: always the same one.
    to_all = key_of_next("email.received", **mail("tom@example.com", "hello@everafter.example"))
    stranger = key_of_next("email.received", **mail("eve@example.com", "hello@everafter.example"))
    assert to_barn == f"resend:{barn.pk}"
    assert to_all == f"resend:{shared.pk}"
    assert stranger == "resend:stranger"
    assert key_of_next("email.received", **mail("eve@example.com")) == "resend:nobody"


def test_made_up_recipients_are_one_party() -> None:
    barn = factories.organization(email_from="Rosewood Barn <hello@rosewood.example>")
    ann = factories.organization(email_from="Ann <ann@lake.example>")
    factories.organization(email_from="Joann <joann@lake.example>")

    def party_of(*to: str) -> str:
        key = key_of_next("email.received", **mail("eve@example.com", *to))
        return key.removeprefix("resend:")

    assert party_of("hello+1@rosewood.example") == party_of("x2@ROSEWOOD.example") == str(barn.pk)
    assert party_of("ann@lake.example") == party_of("ann+x@lake.example") == str(ann.pk)
    # Whose a domain of two is, is not told: they are nobody's acquaintances.
    assert party_of("tom@lake.example") == "stranger"
    assert party_of("x1@gone.example") == party_of("x2@gone.example") == "nobody"
    assert party_of("x1@gone.example", "hello@rosewood.example") == str(barn.pk)


def mail(sender: str, *to: str) -> dict[str, Any]:
    return {"email_id": str(uuid4()), "from": sender, "to": list(to), "subject": "Our day"}


def test_what_cannot_be_read_is_stored_all_the_same() -> None:
    assert deliveries.receive_delivery("resend", posting.request(b"no json"))
    assert WebhookDelivery.objects.get().fairness_key == "resend:nobody"


def test_an_opt_out_does_not_wait_for_the_receipts_of_its_own_organization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "DELIVERY_BATCH", 2)
    barn = factories.organization(email_from="Rosewood Barn <hello@rosewood.example>")
    message = sent("e1", of=barn)
    for _ in range(5):
        deliver("email.delivered", email_id="e1")
    deliver("email.received", **mail("amelia@example.com", "hello@rosewood.example"))
    deliveries.apply_due()
    assert Message.objects.filter(direction="inbound", organization=barn).exists()
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
