"""What is kept how long, by whose word, and what is left when it is gone."""

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import KeyReused, KeySpent, NotPossible
from communications.files import removal
from communications.live import event_stream
from communications.messages import retention, row_removal, staff_actions, text_removal
from communications.messages.transitions import record
from communications.models import (
    Attachment,
    Attempt,
    Call,
    Event,
    Message,
    Organization,
    SpentKey,
    StoredFile,
    Suppression,
    WebhookDelivery,
)
from communications.vocabulary.events import Kind, Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.connections import Closing
from wedsync_comms.lib.leases import process_lease

pytestmark = pytest.mark.django_db

FOR_EVER = dict.fromkeys(retention.REMOVERS, 0)
DAY = timedelta(days=1)

Keep = Callable[..., None]


@pytest.fixture
def keep(settings: Settings) -> Keep:
    def days(**kinds: int) -> None:
        settings.RETENTION_DAYS = FOR_EVER | kinds

    days()
    return days


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def sent(of: Organization, days: float, **columns: Any) -> Message:
    """A mail that was delivered so long ago, with its attempt, call and event."""
    message = rows.message(of, status=Status.DELIVERED, provider="first", provider_id="id-1")
    attempt = rows.attempt(message, status=Status.DELIVERED, started_at=ago(days))
    event(message, days, attempt=attempt)
    times = {"created_at": ago(days), "updated_at": ago(days)}
    Message.objects.filter(pk=message.pk).update(**{**times, **columns})
    message.refresh_from_db()
    return message


def event(of: Message, days: float, **columns: Any) -> Event:
    at = ago(days)
    return Event.objects.create(
        organization=of.organization,
        message=of,
        kind="delivered",
        source="webhook",
        message_status="delivered",
        occurred_at=at,
        recorded_at=at,
        **columns,
    )


def delivery(days: float, **columns: Any) -> WebhookDelivery:
    values: dict[str, Any] = {"received_at": ago(days), "applied_at": ago(days), **columns}
    return WebhookDelivery.objects.create(
        provider="first", event_id=uuid.uuid4().hex, headers={}, body=b"{}", **values
    )


# --- whose word counts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installation", "own", "kept"),
    [(0, None, 0), (90, None, 90), (0, 30, 30), (90, 30, 30), (30, 90, 30), (30, 0, 30)],
)
def test_the_shorter_of_what_is_said_counts(
    keep: Keep, installation: int, own: int | None, kept: int
) -> None:
    keep(text=installation)
    assert retention.kept_days("text", Organization(keep_text_days=own)) == kept


@pytest.mark.parametrize("days", [1_000_000, 2_147_483_647])
def test_more_days_than_there_were_keep_what_there_is_and_stop_nobody_elses(
    keep: Keep, venue: Organization, days: int
) -> None:
    keep()
    factories.organization(keep_text_days=days, keep_event_days=days)
    Organization.objects.filter(pk=venue.pk).update(keep_text_days=30)
    sent(venue, 40)
    assert retention.remove_expired() == 1


def test_a_webhook_is_kept_no_longer_than_the_text_it_tells_of(keep: Keep) -> None:
    keep(delivery=90, text=365)
    assert retention.kept_days("delivery", Organization(keep_text_days=14)) == 14
    assert retention.kept_days("delivery", Organization()) == 90
    assert retention.kept_days("delivery", None) == 90


def test_nothing_goes_where_nobody_said_so(keep: Keep, venue: Organization) -> None:
    keep()
    sent(venue, 4_000)
    delivery(4_000, organization=venue)
    assert retention.remove_expired() == 0


def test_an_organization_that_keeps_less_takes_nothing_from_another(
    keep: Keep, venue: Organization
) -> None:
    keep(text=365, message=1_000, event=90, delivery=90, attempt=400)
    strict = factories.organization(
        keep_text_days=30,
        keep_message_days=60,
        keep_event_days=10,
        keep_delivery_days=10,
        keep_attempt_days=20,
    )
    for owner in (venue, strict):
        for days in (70, 45, 25, 15, 1):
            sent(owner, days)
            delivery(days, organization=owner)

    retention.remove_expired()

    def counts(of: Organization) -> list[int]:
        messages = Message.objects.filter(organization=of)
        return [
            messages.count(),
            messages.exclude(body="").count(),
            Attempt.objects.filter(message__organization=of).count(),
            Event.objects.filter(organization=of).count(),
            WebhookDelivery.objects.filter(organization=of).count(),
        ]

    assert counts(venue) == [5, 5, 5, 5, 5]
    assert counts(strict) == [4, 3, 2, 1, 1]
    assert Call.objects.count() == 7
    assert retention.remove_expired() == 0


# --- texts --------------------------------------------------------------------------------------


def test_the_proof_outlives_the_text(keep: Keep, venue: Organization) -> None:
    keep(text=30)
    file = {"filename": "menu.pdf", "content": "JVBERg=="}
    message = factories.message(venue, body="Dear Amelia", html="<p>Hi</p>", attachments=[file])
    Message.objects.filter(pk=message.pk).update(
        created_at=ago(31),
        send_after=None,
        status=Status.DELIVERED,
        provider="resend",
        provider_id="re_1",
        metadata={"order": 7},
    )
    old = unmoved(sent(venue, 31))
    said = {
        "subject": "Your day",
        "body": "Dear Amelia",
        "html": "<p>Hi</p>",
        "media": [],
        "template_ref": {},
        "content": {},
        "files": [hashlib.sha256(b"%PDF").hexdigest()],
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    assert retention.remove_expired() == 2

    message.refresh_from_db()
    assert (message.subject, message.body, message.html) == ("", "", "")
    assert message.fingerprint == hashlib.sha256(canonical).hexdigest()
    assert message.text_removed_at is not None
    assert message.to.startswith("guest-")
    assert (message.status, message.provider_id, message.metadata) == (
        "delivered",
        "re_1",
        {"order": 7},
    )
    old.refresh_from_db()
    assert old.fingerprint not in ("", message.fingerprint)
    assert not Attachment.objects.exists()
    assert removal.sweep_files() == 1
    assert not StoredFile.objects.exists()
    Message.objects.filter(pk=message.pk).update(status=Status.FAILED)
    with pytest.raises(NotPossible, match="retention rule"):
        staff_actions.retry_message(message)


def unmoved(message: Message) -> Message:
    """With an attachment as a release before wrote it."""
    Attachment.objects.create(
        message=message, filename="a.txt", content_type="text/plain", content=b"A"
    )
    Message.objects.filter(pk=message.pk).update(has_attachments=True)
    return message


def test_what_was_erased_before_proves_nothing(keep: Keep, venue: Organization) -> None:
    keep(text=30)
    message = sent(venue, 31, subject="", body="")
    retention.remove_expired()
    message.refresh_from_db()
    assert (message.fingerprint, message.text_removed_at, message.trimmed) == ("", None, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"send_after": timezone.now() + DAY, "status": Status.QUEUED},
        {"status": Status.QUEUED},
        {"status": Status.UNKNOWN},
        {"escalate_at": timezone.now() + DAY},
        {"direction": "inbound", "is_complete": False, "fetch_after": timezone.now()},
    ],
)
def test_what_has_something_ahead_stays_whole(
    keep: Keep, venue: Organization, columns: dict[str, Any]
) -> None:
    keep(text=1, message=7, event=7, attempt=7)
    message = sent(venue, 1_000, **columns)
    later = sent(venue, 999)
    assert retention.remove_expired() > 0
    message.refresh_from_db()
    assert (message.body, message.trimmed) == ("Soon", 0)
    assert (message.attempts.count(), message.events.count()) == (1, 1)
    assert not Message.objects.filter(pk=later.pk).exists()


@pytest.mark.parametrize("kind", ["text", "message", "attempt"])
def test_days_count_from_when_it_was_due_and_last_tried(
    keep: Keep, venue: Organization, kind: str
) -> None:
    """Composed long ahead, or tried again by hand: what has just left has its receipts to come."""
    keep(**{kind: 30})
    due = sent(venue, 70, send_at=ago(29))
    retried = sent(venue, 70)
    Attempt.objects.filter(message=retried).update(started_at=ago(29))
    over = sent(venue, 70, send_at=ago(31))
    assert retention.remove_expired() == 1
    assert Message.objects.filter(pk__in=[due.pk, retried.pk], trimmed=0).count() == 2
    assert not Message.objects.filter(pk=over.pk, trimmed=0).exists()


def test_once_its_attempts_are_gone_a_message_counts_from_when_it_was_last_written(
    keep: Keep, venue: Organization
) -> None:
    keep(attempt=30, message=60)
    retried = sent(venue, 100, updated_at=ago(40))
    Attempt.objects.update(started_at=ago(40))
    assert retention.remove_expired() == 1
    assert Message.objects.filter(pk=retried.pk).exists()
    Message.objects.update(updated_at=ago(61))
    assert retention.remove_expired() == 1


def test_what_a_provider_took_keeps_its_text_while_receipts_still_come(
    keep: Keep, venue: Organization
) -> None:
    keep(text=1)
    taken = sent(venue, 6, status=Status.SENT)
    sent(venue, 6)
    sent(venue, 8, status=Status.SENT)
    assert retention.remove_expired() == 2
    assert list(Message.objects.exclude(body="")) == [taken]


def test_what_its_timeline_quotes_goes_with_the_text(keep: Keep, venue: Organization) -> None:
    keep(text=1)
    message = sent(venue, 3)
    quoted = event(message, 2, event_id="e1", detail="Before: Dear Amelia")
    Event.objects.filter(pk=quoted.pk).update(kind=Kind.EDITED)
    plain = event(message, 2, event_id="e2", detail="250 OK")
    retention.remove_expired()
    assert dict(Event.objects.exclude(event_id=None).values_list("pk", "detail")) == {
        quoted.pk: "",
        plain.pk: "250 OK",
    }


def test_no_more_than_one_file_is_in_memory_at_a_time(keep: Keep, venue: Organization) -> None:
    keep(text=1)
    for _ in range(2):
        unmoved(sent(venue, 3))
    with CaptureQueriesContext(connection) as captured:
        retention.remove_expired()
    content = re.compile(r'"communications_attachment"."content"[ ,]')
    assert len([query for query in captured if content.search(query["sql"])]) == 2


# --- attempts, messages -------------------------------------------------------------------------


def test_where_a_message_stands_outlives_its_attempts(keep: Keep, venue: Organization) -> None:
    keep(attempt=30)
    message = sent(venue, 31)
    shared = Call.objects.get()
    newer = sent(venue, 1)
    rows.attempt(newer, shared, status=Status.DELIVERED)

    assert retention.remove_expired() == 1

    assert not message.attempts.exists()
    assert Call.objects.filter(pk=shared.pk).exists()
    record([rows.receipt(Attempt(message=message, number=1), Kind.OPENED, Status.READ)])
    message.refresh_from_db()
    assert (message.status, message.provider_id) == ("delivered", "id-1")
    assert message.opened_at is not None


@pytest.mark.parametrize("first", ["text", "attempt"])
def test_text_and_attempts_go_each_in_its_time(keep: Keep, venue: Organization, first: str) -> None:
    message = sent(venue, 31)
    keep(**{first: 30})
    assert retention.remove_expired() == 1
    keep(text=30, attempt=30)
    assert retention.remove_expired() == 1
    message.refresh_from_db()
    assert (message.body, message.trimmed, message.attempts.count()) == ("", 3, 0)
    assert retention.remove_expired() == 0


def test_a_message_goes_with_all_that_is_its_own_and_leaves_what_others_need(
    keep: Keep, venue: Organization
) -> None:
    keep(message=30)
    message = unmoved(sent(venue, 31))
    answer = sent(venue, 1, in_reply_to=message)
    closed = Suppression.objects.create(
        organization=venue,
        channel="email",
        value="amelia@example.com",
        reason=Reason.OPT_OUT,
        message=message,
    )

    assert retention.remove_expired() == 1

    assert list(Message.objects.all()) == [answer]
    assert (Attempt.objects.count(), Call.objects.count(), Event.objects.count()) == (1, 1, 1)
    closed.refresh_from_db()
    answer.refresh_from_db()
    assert (closed.message, closed.lifted_at, answer.in_reply_to) == (None, None, None)


def test_the_key_of_a_removed_message_sends_nothing_again(keep: Keep, venue: Organization) -> None:
    keep(message=30)
    draft = Draft(channel="email", to="amelia@example.com", subject="Your day", body="Soon")
    first = compose_message(venue, draft, idempotency_key="order-7").message
    Message.objects.update(created_at=ago(31), send_after=None, status=Status.DELIVERED)
    assert retention.remove_expired() == 1

    with pytest.raises(KeySpent, match="Nothing was sent now"):
        compose_message(venue, draft, idempotency_key="order-7")
    with pytest.raises(KeyReused):
        compose_message(venue, replace(draft, body="Later"), idempotency_key="order-7")
    assert not Message.objects.exists()
    assert SpentKey.objects.get().message == first.pk
    # Another key, and another organization's.
    compose_message(venue, draft, idempotency_key="order-8")
    compose_message(factories.organization(), draft, idempotency_key="order-7")
    assert Message.objects.count() == 2


# --- webhooks, events ---------------------------------------------------------------------------


def test_what_is_old_goes_and_what_was_never_applied_stays(keep: Keep, venue: Organization) -> None:
    keep(event=90, delivery=90)
    message = rows.message(venue, status=Status.DELIVERED)
    for days in (100, 100, 0):
        event(message, days)
    kept = [
        delivery(0),
        delivery(100, applied_at=None, apply_after=ago(100)),
        delivery(100, applied_at=None, organization=venue),
    ]
    delivery(100)

    assert retention.remove_expired() == 3
    assert retention.remove_expired() == 0

    assert Event.objects.count() == 1
    assert list(WebhookDelivery.objects.order_by("id")) == kept


@pytest.mark.parametrize("kind", ["event", "message"])
def test_who_missed_events_that_were_removed_loads_the_list_anew(
    keep: Keep, venue: Organization, kind: str
) -> None:
    keep(**{kind: 90})
    other = factories.organization()
    # Still under way, so it keeps its timeline: the oldest event of all stays.
    waiting = rows.message(other, status=Status.QUEUED, send_after=timezone.now())
    seen = event(waiting, 120).pk
    old = sent(venue, 100)
    removed = Event.objects.get(message=old).pk
    left = event(rows.message(venue, status=Status.DELIVERED), 1).pk

    assert retention.remove_expired() == 1

    assert event_stream.replay_frames(venue.pk, seen) is None
    assert len(event_stream.replay_frames(venue.pk, removed) or []) == 1
    assert event_stream.replay_frames(venue.pk, left) is not None
    # Nothing of theirs is missing.
    assert event_stream.replay_frames(other.pk, seen) is not None


# --- in small batches, in turns, and beside others ----------------------------------------------


def test_who_has_the_most_keeps_nobody_elses_from_going(
    keep: Keep, venue: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(delivery=90)
    monkeypatch.setattr(row_removal, "ROW_BATCH", 2)
    quiet = factories.organization()
    for owner, count in ((venue, 20), (quiet, 2)):
        for _ in range(count):
            delivery(100, organization=owner)
    # Time for four batches.
    clock = iter(range(1_000))
    monkeypatch.setattr("communications.messages.retention.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(retention, "REST", 0.0)
    monkeypatch.setattr(retention, "BUDGET_S", 16)
    retention.remove_expired()

    assert not WebhookDelivery.objects.filter(organization=quiet).exists()
    assert 10 <= WebhookDelivery.objects.filter(organization=venue).count() < 20


def test_one_that_cannot_be_removed_keeps_no_other_from_going(
    keep: Keep, venue: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(delivery=90, event=90)
    delivery(100, organization=venue)
    event(rows.message(venue, status=Status.DELIVERED), 100)

    def fails(*_: Any) -> int:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setitem(retention.REMOVERS, "event", fails)
    assert retention.remove_expired() == 1
    assert not WebhookDelivery.objects.exists()


def test_one_process_at_a_time_removes(keep: Keep, venue: Organization) -> None:
    keep(event=90)
    event(rows.message(venue, status=Status.DELIVERED), 100)
    process_lease.acquire(retention.LEASE, "another", 60)
    assert retention.remove_expired() == 0
    process_lease.release(retention.LEASE, "another")
    assert retention.remove_expired() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "remove", [text_removal.remove_texts, row_removal.remove_attempts, row_removal.remove_messages]
)
def test_a_message_that_somebody_writes_at_this_moment_is_left_for_later(
    remove: retention.Remover, venue: Organization
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    busy, free = sent(venue, 40), sent(venue, 39)
    with Closing(1) as other, transaction.atomic():
        Message.objects.select_for_update().get(pk=busy.pk)
        assert other.submit(remove, venue.pk, ago(30)).result(timeout=10) == 1
    assert Message.objects.get(pk=busy.pk).trimmed == 0
    assert not Message.objects.filter(pk=free.pk, trimmed=0).exists()
