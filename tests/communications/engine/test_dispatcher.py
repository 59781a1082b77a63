"""The loop around the dispatch: what it looks at, what stops it, what does not."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from communications.models import Call, Message, Organization, Priority, WebhookDelivery
from communications.providers import registry
from communications.receiving import deliveries, worker
from communications.receiving.worker import WebhookWorker
from communications.sending import (
    claims,
    dispatcher,
    provider_call,
    reconciliation,
    unsent,
)
from communications.sending.claims import Claim
from communications.sending.dispatcher import (
    MAX_SLOT_DELAY_S,
    POLL_SECONDS,
    URGENT_THREADS,
    Dispatcher,
)
from communications.sending.outcomes import CallResult
from communications.sending.paced_queue import PacedQueue
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.mailing import Mailing, account, delay, status
from tests.connections import Closing
from tests.processes.running import eventually
from wedsync_comms.lib.models import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


def in_a_thread(sender: Dispatcher) -> threading.Thread:
    def run() -> None:
        try:
            sender.run()
        finally:
            connection.close()

    sender.pool = Closing(sender.threads)
    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def running(mailing: Mailing) -> Iterator[Dispatcher]:  # noqa: ARG001
    sender = Dispatcher(threads=4)
    thread = in_a_thread(sender)
    yield sender
    sender.stop()
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.mark.usefixtures("running")
def test_it_sends_what_is_composed_while_it_runs_and_says_that_it_lives(
    venue: Organization,
) -> None:
    message = factories.message(venue)

    eventually(lambda: status(message) == "sent")

    beat = Heartbeat.objects.get(process="dispatcher")
    assert timezone.now() - beat.beat_at < timedelta(seconds=30)


@pytest.mark.usefixtures("running")
def test_it_applies_what_came_in(venue: Organization, mailing: Mailing) -> None:
    mailing.settings.PROVIDERS = {
        "first": account(mailing.first, "first", webhook_secrets=["whsec_dGVzdHM="]),
    }
    message = rows.message(venue)
    attempt = rows.attempt(message, provider_id="re_1", status="sent")
    sample = registry.provider_for("first").sample("email.delivered")
    body = b'{"type": "email.delivered", "created_at": "2026-11-23T12:00:00Z", '
    body += b'"data": {"email_id": "re_1", "to": ["amelia@example.com"]}}'
    now = timezone.now()
    WebhookDelivery.objects.create(
        provider="first",
        event_id="msg_1",
        headers=dict(sample.headers),
        body=body,
        received_at=now,
        apply_after=now,
    )

    eventually(lambda: status(message) == "delivered")
    attempt.refresh_from_db()
    assert attempt.status == "delivered"


def test_it_finishes_what_is_in_flight_before_it_ends(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.breaks("latency", seconds=1.0)
    message = factories.message(venue)
    sender = Dispatcher(threads=4)
    thread = in_a_thread(sender)
    eventually(Call.objects.exists)

    sender.stop()
    thread.join(timeout=20)

    assert not thread.is_alive()
    assert status(message) == "sent"


def test_a_call_that_is_over_counts_once_until_it_is_recorded(
    venue: Organization, mailing: Mailing
) -> None:
    sender = mailing.dispatcher
    message = factories.message(venue)
    claim = claims.claim_due("email", "first", usable=["first"], limit=1)[0]
    for _ in range(sender.threads - 2):
        done: Future[CallResult] = Future()
        done.set_result(unsent.defer(claim, "Too much.", 1.0))
        sender.in_flight.add(done)
        sender.writer.add(done.result())

    assert sender.idle_threads() == 2

    # What is given back at once was in no thread.
    for _ in range(10):
        sender.writer.add(unsent.defer(claim, "Too much.", 1.0))
    Call.objects.update(repeat_after=timezone.now())
    assert sender.idle_threads() == 0
    sender.repeat_calls("first")
    assert status(message) == "queued"


def test_a_tick_that_fails_is_not_the_last(
    venue: Organization,
    mailing: Mailing,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(dispatcher, "OUTAGE_SECONDS", 0.05)
    mailing.settings.ROUTES = {"email": ["nobody"]}
    message = factories.message(venue)
    sender = Dispatcher(threads=4)

    monkeypatch.setattr(reconciliation, "expire_overdue", broken_database)
    assert sender.guarded_tick() == 0.05
    assert "tick_failed" in caplog.text
    monkeypatch.undo()
    mailing.settings.ROUTES = {"email": ["first"]}

    thread = in_a_thread(sender)
    eventually(lambda: status(message) == "sent")
    sender.stop()
    thread.join(timeout=20)


def test_an_inbox_that_fails_is_looked_into_again(
    mailing: Mailing,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(worker, "INBOX_OUTAGE_S", 0.05)
    monkeypatch.setattr(deliveries, "apply_due", broken_database)

    assert not WebhookWorker().apply_webhooks()

    assert "inbox_failed" in caplog.text
    monkeypatch.undo()
    assert not WebhookWorker().apply_webhooks()


def broken_database(*_: object) -> int:
    raise DatabaseError("The database is away.")


def test_an_outcome_that_cannot_be_written_is_left_to_the_lease(
    venue: Organization,
    mailing: Mailing,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def lost(*_: Any) -> None:
        raise DatabaseError("The database is away.")

    message = factories.message(venue)
    monkeypatch.setattr(provider_call, "record_outcomes", lost)
    mailing.send_due()
    assert "outcome_not_recorded" in caplog.text
    monkeypatch.undo()

    mailing.send_until_nothing_is_left()

    assert status(message) == "sent"
    assert len(mailing.mails()) == 1


def test_a_campaign_leaves_threads_to_urgent_messages(
    venue: Organization,
    mailing: Mailing,
) -> None:
    sender = mailing.dispatcher
    sender.threads = URGENT_THREADS
    bulk = factories.message(venue, priority=Priority.BULK)
    assert sender.tick() == POLL_SECONDS
    assert status(bulk) == "queued"

    urgent = factories.message(venue, priority=Priority.URGENT)
    sender.tick()
    assert (status(urgent), status(bulk)) == ("sent", "queued")


def test_without_a_free_thread_nothing_is_claimed(venue: Organization, mailing: Mailing) -> None:
    mailing.dispatcher.threads = 0
    message = factories.message(venue, priority=Priority.URGENT)

    assert mailing.dispatcher.tick() == POLL_SECONDS

    assert (status(message), Call.objects.count()) == ("queued", 0)


def test_it_keeps_to_the_rate_of_the_provider_and_sends_the_urgent_one_next(
    venue: Organization,
    mailing: Mailing,
) -> None:
    # A provider that does not tell its rate: ours counts, one in a hundred seconds.
    mailing.first.control("PATCH", "/resend", {"rate_per_second": None})
    slow = account(mailing.first, "first", rate_per_second=0.01)
    mailing.settings.PROVIDERS = {"first": slow}
    first = factories.message(venue)
    mailing.send_due()
    second = factories.message(venue)

    assert 0 < mailing.dispatcher.tick() <= POLL_SECONDS
    assert (status(first), status(second)) == ("sent", "queued")

    urgent = factories.message(venue, priority=Priority.URGENT)
    mailing.pass_time()
    mailing.send_due()
    assert (status(urgent), status(second)) == ("sent", "queued")


def test_an_urgent_message_takes_the_slot_that_was_reserved_for_a_campaign(
    venue: Organization,
    mailing: Mailing,
) -> None:
    bulk, urgent = (
        claim_of(factories.message(venue, priority=priority))
        for priority in (Priority.BULK, Priority.URGENT)
    )
    mailing.dispatcher.pool, later = Later(), mailing.dispatcher.pool
    mailing.dispatcher.submit("first", [bulk, urgent])

    (work, first), (_, second) = mailing.dispatcher.pool.jobs
    assert later.submit(work, *first).result().claim.call == urgent.call
    assert later.submit(work, *second).result().claim.call == bulk.call


def test_whoever_comes_new_takes_the_slot_that_was_reserved_for_anothers_campaign(
    venue: Organization,
    mailing: Mailing,
) -> None:
    campaign = [claim_of(factories.message(venue)) for _ in range(4)]
    single = claim_of(factories.message())
    mailing.dispatcher.pool, later = Later(), mailing.dispatcher.pool
    mailing.dispatcher.submit("first", campaign)
    mailing.dispatcher.submit("first", [single])

    left = [later.submit(work, *given).result() for work, given in mailing.dispatcher.pool.jobs]
    calls = [result.claim.call for result in left]
    assert single.call in calls[:2]
    assert [call for call in calls if call != single.call] == [claim.call for claim in campaign]


def test_a_provider_that_asks_for_patience_gets_nothing_of_what_is_claimed_for_it(
    venue: Organization,
    mailing: Mailing,
) -> None:
    claimed = claim_of(message := factories.message(venue))
    queue = mailing.dispatcher.queues["first"] = PacedQueue()
    queue.held_until = time.monotonic() + 30

    mailing.dispatcher.submit("first", [claimed])

    assert (status(message), mailing.requests()) == ("queued", [])
    assert delay(message) == pytest.approx(30, abs=2)


def test_without_slots_what_is_claimed_is_given_back(
    venue: Organization,
    mailing: Mailing,
) -> None:
    claimed = claim_of(message := factories.message(venue))
    mailing.settings.REDIS_URL = "redis://127.0.0.1:1/0"
    mailing.dispatcher.submit("first", [claimed])
    mailing.settings.REDIS_URL = os.environ.get("REDIS_URL", "")

    mailing.dispatcher.writer.write_some()

    assert (status(message), mailing.requests()) == ("queued", [])
    mailing.send_until_nothing_is_left()
    assert status(message) == "sent"


def test_what_is_held_between_claim_and_slot_is_given_back(
    venue: Organization,
    mailing: Mailing,
) -> None:
    claimed = claim_of(message := factories.message(venue))
    registry.bucket_for("first").hold(MAX_SLOT_DELAY_S + 20)

    mailing.dispatcher.submit("first", [claimed])
    mailing.dispatcher.writer.write_some()

    assert (status(message), mailing.requests()) == ("queued", [])
    assert delay(message) == pytest.approx(MAX_SLOT_DELAY_S + 20, abs=2)


def test_an_urgent_message_is_claimed_while_campaigns_have_the_next_slots(
    venue: Organization,
    mailing: Mailing,
) -> None:
    # A provider that does not tell its rate: ours counts, some twenty in a second.
    mailing.first.control("PATCH", "/resend", {"rate_per_second": None})
    mailing.settings.PROVIDERS = {"first": account(mailing.first, "first", rate_per_second=20)}
    bulk = factories.message(venue, priority=Priority.BULK)
    registry.bucket_for("first").reserve(16)
    assert mailing.dispatcher.tick() > 0
    assert status(bulk) == "queued"

    urgent = factories.message(venue, priority=Priority.URGENT)
    mailing.dispatcher.tick()
    assert (status(urgent), status(bulk)) == ("sent", "queued")


def claim_of(message: Message) -> Claim:
    [claimed] = claims.claim_due("email", "first", usable=["first"], limit=1)
    assert claimed.attempts[0].message_id == message.pk
    return claimed


class Later(ThreadPoolExecutor):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(1)
        self.jobs: list[tuple[Any, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Any:
        self.jobs.append((fn, args))
        return Future()


def test_calls_of_a_closed_provider_hold_up_no_other(
    venue: Organization,
    mailing: Mailing,
) -> None:
    mailing.two_accounts()
    mailing.dispatcher.threads = 4
    past = timezone.now() - timedelta(hours=1)
    for _ in range(6):
        stuck = Call.objects.create(provider="first", repeat_after=past, tries=1)
        rows.attempt(rows.message(venue), stuck)
    registry.breaker_for("first").pause("closed for the test")
    due = Call.objects.create(provider="second", repeat_after=timezone.now(), tries=1)
    message = rows.message(venue)
    rows.attempt(message, due, provider="second")

    mailing.send_due()

    assert status(message) == "sent"
    assert mailing.requests() == []


def test_calls_of_a_provider_that_was_removed_stop_nothing(
    venue: Organization,
    mailing: Mailing,
) -> None:
    gone = Call.objects.create(provider="gone", repeat_after=timezone.now(), tries=1)
    rows.attempt(rows.message(venue), gone)
    message = factories.message(venue)

    mailing.send_due()

    assert status(message) == "sent"


def test_a_call_that_may_not_be_repeated_yet_waits(venue: Organization, mailing: Mailing) -> None:
    registry.bucket_for("first").hold(30)
    call = Call.objects.create(provider="first", repeat_after=timezone.now(), tries=1)
    rows.attempt(rows.message(venue), call)

    mailing.send_due()

    call.refresh_from_db()
    assert (call.tries, mailing.requests()) == (1, [])


def test_a_trial_is_made_by_one_call_at_a_time(venue: Organization, mailing: Mailing) -> None:
    breaker = registry.breaker_for("first")
    breaker._update(lambda circuit, now: (circuit.__class__(opened_at=now, retry_at=now), None))
    assert breaker.allow()
    message = factories.message(venue)

    mailing.send_due()

    assert (status(message), Message.objects.waiting().count()) == ("queued", 1)
