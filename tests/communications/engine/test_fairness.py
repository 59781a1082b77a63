"""Organizations that share an account take turns. Claims only: nothing is sent."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from communications.models import Channel, Message, Organization, Priority
from communications.sending import claims
from communications.sending.fairness import OrganizationTurns
from tests import factories
from tests.communications.channels.phones import twilio_account

pytestmark = pytest.mark.django_db

numbers = itertools.count(10_000)


@pytest.fixture(autouse=True)
def accounts(settings: Settings) -> None:
    """Twilio takes one message a call, Resend a hundred. Nobody answers there."""
    nowhere = "http://127.0.0.1:9"
    options = {"api_key": "re_first", "api_url": nowhere, "sender": "hello@everafter.example"}
    resend = {"BACKEND": "communications.providers.resend.Resend", "OPTIONS": options}
    twilio = twilio_account(nowhere)
    settings.PROVIDERS = {"twilio": twilio, "spare": twilio, "resend": resend}
    settings.ROUTES = {"sms": ["twilio", "spare"], "email": ["resend"]}


@pytest.fixture
def flooding() -> Organization:
    return factories.organization()


@pytest.fixture
def quiet() -> Organization:
    return factories.organization()


def queue(of: Organization, count: int, *, ago: float = 60.0, **columns: Any) -> list[Message]:
    """So many messages, each due a moment after the one before it."""
    due, channel = timezone.now() - timedelta(seconds=ago), columns.get("channel", Channel.SMS)
    made = []
    for number in range(count):
        tail = next(numbers)
        to = f"guest-{tail}@example.com" if channel == Channel.EMAIL else f"+4477009{tail}"
        values = {"channel": channel, "leg_channel": channel, "to": to, "leg_to": to, "body": "Hi"}
        at = due - timedelta(milliseconds=count - number)
        made.append(Message(organization=of, **{**values, "send_after": at, **columns}))
    return Message.objects.bulk_create(made)


def claimed(turns: OrganizationTurns, limit: int, slug: str = "twilio") -> list[Message]:
    """What one claim takes, in the order in which it leaves."""
    channel = "email" if slug == "resend" else "sms"
    usable = [slug] if slug == "resend" else ["twilio", "spare"]
    found = claims.claim_due(channel, slug, usable=usable, limit=limit, turns=turns)
    return [attempt.message for claim in found for attempt in claim.attempts]


def owners(messages: Iterable[Message]) -> list[int]:
    return [message.organization_id for message in messages]


@pytest.mark.parametrize("limit", [1, 2, 30])
def test_one_message_leaves_within_two_places_of_a_backlog(
    flooding: Organization, quiet: Organization, limit: int
) -> None:
    turns = OrganizationTurns()
    queue(flooding, 100)
    before = claimed(turns, limit)
    (single,) = queue(quiet, 1, ago=0)
    after = claimed(turns, limit) + claimed(turns, limit)
    assert owners(before) == [flooding.pk] * limit
    assert single in after[:2]
    assert len(after) == 2 * limit


def test_bulk_of_one_waits_for_normal_of_another(
    flooding: Organization, quiet: Organization
) -> None:
    turns = OrganizationTurns()
    queue(flooding, 20, priority=Priority.BULK)
    claimed(turns, 10)
    normal = queue(quiet, 3, ago=0)
    assert claimed(turns, 5)[:3] == normal


def test_urgent_leaves_before_anybodys_turn_and_alone(
    flooding: Organization, quiet: Organization
) -> None:
    turns = OrganizationTurns()
    queue(quiet, 5)
    urgent = queue(flooding, 3, ago=0, priority=Priority.URGENT)
    assert claimed(turns, 10) == urgent


def test_within_an_organization_what_was_due_first_leaves_first(
    flooding: Organization, quiet: Organization
) -> None:
    turns = OrganizationTurns()
    late, early = queue(flooding, 4, ago=10), queue(flooding, 4, ago=20)
    queue(quiet, 9)
    # One that is to be tried once more here is no exception.
    Message.objects.filter(pk=early[2].pk).update(via="twilio")
    taken = claimed(turns, 8) + claimed(turns, 8)
    assert [row for row in taken if row.organization_id == flooding.pk] == early + late


def test_each_gets_its_part_by_its_weight() -> None:
    weights = [1] * 16 + [2, 2, 4, 8]
    venues = [factories.organization(sending_weight=weight) for weight in weights]
    for venue, weight in zip(venues, weights, strict=True):
        queue(venue, 10 * weight + 4)
    turns = OrganizationTurns()
    taken = Counter(owner for _ in range(8) for owner in owners(claimed(turns, 40)))
    for venue, weight in zip(venues, weights, strict=True):
        assert taken[venue.pk] == pytest.approx(10 * weight, rel=0.1, abs=1)


def test_parts_are_kept_among_processes_that_know_nothing_of_each_other() -> None:
    venues = [factories.organization(sending_weight=weight) for weight in (1, 1, 3)]
    for venue in venues:
        queue(venue, 70)
    processes = [OrganizationTurns() for _ in range(3)]
    taken = Counter[int]()
    for number in range(9):
        taken.update(owners(claimed(processes[number % 3], 11)))
    assert [taken[venue.pk] for venue in venues] == pytest.approx([20, 20, 60], abs=3)


def test_no_place_is_left_empty_while_somebody_has_more(
    flooding: Organization, quiet: Organization
) -> None:
    queue(flooding, 30)
    queue(quiet, 3)
    few = [factories.organization() for _ in range(3)]
    for venue in few:
        queue(venue, 1)
    taken = Counter(owners(claimed(OrganizationTurns(), 24)))
    assert taken == {flooding.pk: 18, quiet.pk: 3, **{venue.pk: 1 for venue in few}}


def test_what_is_scheduled_takes_no_turn(flooding: Organization, quiet: Organization) -> None:
    queue(flooding, 5, ago=-3600)
    mine = queue(quiet, 2)
    assert claimed(OrganizationTurns(), 5) == mine


def test_what_another_provider_is_to_take_is_in_nobodys_way(
    flooding: Organization, quiet: Organization
) -> None:
    queue(flooding, 5, via="spare")
    mine = queue(quiet, 2)
    assert claimed(OrganizationTurns(), 5) == mine
    assert owners(claimed(OrganizationTurns(), 5, "spare")) == [flooding.pk] * 5


def test_whoever_may_not_be_sent_now_takes_no_more_than_its_part(
    flooding: Organization, quiet: Organization
) -> None:
    """Quiet hours stand for whatever holds all that an organization has."""
    clock = timezone.now()
    flooding.quiet_from = (clock - timedelta(hours=2)).time()
    flooding.quiet_until = (clock + timedelta(hours=2)).time()
    flooding.time_zone = "UTC"
    flooding.save()
    queue(flooding, 60)
    queue(quiet, 40, ago=0)
    turns = OrganizationTurns()
    taken = [owners(claimed(turns, 10)) for _ in range(6)]
    assert taken == [[quiet.pk] * 5] * 6


def test_a_batch_costs_one_turn_however_many_share_it(
    flooding: Organization, quiet: Organization
) -> None:
    """Mails with attachments leave one a call: they get as many calls, not as many mails."""
    queue(flooding, 8, channel=Channel.EMAIL, has_attachments=True)
    queue(quiet, 60, channel=Channel.EMAIL)
    turns = OrganizationTurns()
    calls = [Counter(owners(claimed(turns, 10, "resend"))) for _ in range(10)]
    alone = [call for call in calls if call[flooding.pk]]
    assert alone == [{flooding.pk: 1}] * 5
    assert all(call[quiet.pk] >= 5 for call in calls if not call[flooding.pk])


def test_a_batch_is_shared_by_turns_and_filled(flooding: Organization, quiet: Organization) -> None:
    queue(flooding, 120, channel=Channel.EMAIL)
    queue(quiet, 30, channel=Channel.EMAIL, ago=0)
    assert Counter(owners(claimed(OrganizationTurns(), 100, "resend"))) == {
        flooding.pk: 70,
        quiet.pk: 30,
    }


@pytest.mark.parametrize("weight", [0, 101])
def test_a_weight_is_within_its_range(quiet: Organization, weight: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.filter(pk=quiet.pk).update(sending_weight=weight)


def test_a_claim_finds_its_way_by_the_indexes_of_the_outbox(
    flooding: Organization, quiet: Organization, django_assert_max_num_queries: Any
) -> None:
    queue(flooding, 3)
    queue(quiet, 3)
    with django_assert_max_num_queries(60) as captured:
        claims.peek_priorities("sms", "twilio", ["twilio"], 4)
        OrganizationTurns().lock_due("sms", "twilio", ["", "twilio"], limit=4)
    # PostgreSQL reads a table of six rows as a whole, rightly.
    if connection.vendor == "sqlite":
        plans = [line for query in captured.captured_queries for line in explained(query["sql"])]
        used = {found[1] for line in plans if (found := re.search(r"INDEX (message_\w+)", line))}
        assert used == {"message_due", "message_turn"}
        assert not [line for line in plans if re.match("SCAN (communications_message|U0)", line)]


def explained(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [str(row[3]) for row in cursor.fetchall()]
