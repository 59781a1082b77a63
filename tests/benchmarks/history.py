"""Hot queries with a long history behind them (200,000 messages) and with a short one (2,000).

To each message belong five events, an attempt, a call and a webhook delivery. The last 24 hours,
the outbox and the inbox hold the same in both, so a ratio of about 1 says that the work follows
what there is to do, and not what was ever done. `--messages 1000000` is the big run.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from unittest.mock import patch

from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from communications.live import event_stream
from communications.messages import retention
from communications.models import (
    Attempt,
    Call,
    Contact,
    Event,
    Message,
    Organization,
    WebhookDelivery,
)
from communications.receiving import (
    inbox,
    receipts,
)
from communications.sending import (
    claims,
    receipt_polling,
)
from communications.vocabulary.events import (
    Kind,
    Source,
    StatusChanged,
)
from communications.vocabulary.statuses import Status
from tests.benchmarks import report, rows
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.stack import Machine, Stack

SHORT = 2_000
EVENTS = 5
OUTBOX = 100
# An outage's worth, of so many parties, half of it tried before.
INBOX = 20_000
PARTIES = 20
REPETITIONS = 10
ROUNDS = 3
# Attempts are given ids that their events can name.
FIRST_ATTEMPT = 10_000_000

# In SQL, for copy number n of a row, counted from the oldest.
MESSAGE = "md5('message' || n)::uuid"
CALL = "md5('call' || n)::uuid"
ATTEMPT = f"{FIRST_ATTEMPT} + n"
PROVIDER_ID = "'re_' || n"
# The newest 2,000 in the last day, the others before it, back to what is still kept.
WHEN = """now() - CASE WHEN total - n < 2000 THEN interval '24 hours' * (total - n) / 2000
 ELSE interval '24 hours' + interval '84 days' * (total - n - 2000) / total END"""
# Some never got a receipt: the newest, which are asked about, and old ones, which nobody asks for.
STATUS = """CASE WHEN mod(n, 100) = 0 THEN 'bounced' WHEN mod(n, 100) = 1 THEN 'failed'
 WHEN mod(n, 50) = 7 AND (total - n < 2000 OR total - n > total / 10) THEN 'sent'
 ELSE 'delivered' END"""

Copies = dict[str, str]
COPIES: dict[type[Model], Copies] = {
    Message: {
        "id": MESSAGE,
        "to": "'guest-' || mod(n, 5000) || '@example.com'",
        "leg_to": "'guest-' || mod(n, 5000) || '@example.com'",
        # A contact has 50 of them, however many there are.
        "contact_id": "CASE WHEN mod(n, 1 + total / 50) = 0 THEN t.contact_id END",
        "provider_id": PROVIDER_ID,
        "status": STATUS,
        "created_at": WHEN,
    },
    Call: {"id": CALL, "created_at": WHEN},
    Attempt: {
        "id": ATTEMPT,
        "message_id": MESSAGE,
        "call_id": CALL,
        "provider_id": PROVIDER_ID,
        "status": STATUS,
        "started_at": WHEN,
    },
    Event: {
        "message_id": MESSAGE,
        "attempt_id": ATTEMPT,
        "event_id": "'msg_' || n || '_' || k",
        "recorded_at": WHEN,
    },
    WebhookDelivery: {
        "event_id": "'msg_' || n",
        "received_at": WHEN,
        "applied_at": WHEN,
    },
}

DUE: Copies = {
    "event_id": "'due_' || n",
    "fairness_key": f"'resend:' || mod(n, {PARTIES})",
    "tries": f"mod(n / {PARTIES}, 2)",
}


def run(machine: Machine, messages: int) -> Iterator[Row]:
    long, short = machine.postgres_with_redis("long"), machine.postgres_with_redis("short")
    variants = {
        f"{count:,} messages": partial(times, filled(stack, count))
        for stack, count in ((long, messages), (short, SHORT))
    }
    yield from report.rows(measured(variants, ROUNDS), *variants)


def filled(stack: Stack, count: int) -> Stack:
    stack.run(fill, count)
    return stack


def times(stack: Stack) -> Figures:
    return stack.run(timed)


# --- in the stack's own process -----------------------------------------------------------------


def fill(count: int) -> None:
    owner = rows.organization()
    originals = [message := first_message(owner), *others(message)]
    with connection.cursor() as cursor:
        # The rows fit together: no need to look up two million foreign keys.
        cursor.execute("SET session_replication_role = replica")
        for row in originals:
            multiply(row, COPIES[type(row)], count, EVENTS if isinstance(row, Event) else 1)
        cursor.execute("SET session_replication_role = DEFAULT")
    rows.due(OUTBOX)
    multiply(due_delivery(), DUE, INBOX)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def first_message(owner: Organization) -> Message:
    return Message.objects.create(
        organization=owner,
        contact=Contact.objects.create(organization=owner, name="Amelia Hart"),
        channel="email",
        to="guest@example.com",
        subject="Your day",
        body="See you at the venue.",
        provider="resend",
    )


def others(message: Message) -> Iterator[Model]:
    now = timezone.now()
    yield (call := Call.objects.create(provider="resend"))
    yield message.attempts.create(call=call, number=1, provider="resend", started_at=now)
    yield message.events.create(
        organization=message.organization,
        kind=Kind.DELIVERED,
        source=Source.WEBHOOK,
        message_status=Status.DELIVERED,
        provider="resend",
        occurred_at=now,
        recorded_at=now,
    )
    yield WebhookDelivery.objects.create(
        provider="resend",
        headers={},
        body=b"{}",
        received_at=now,
        applied_at=now,
    )


def due_delivery() -> WebhookDelivery:
    now = timezone.now()
    return WebhookDelivery.objects.create(
        provider="resend",
        event_id="due",
        headers={},
        body=b"{}",
        received_at=now,
        apply_after=now,
    )


def multiply(row: Model, different: Copies, total: int, each: int = 1) -> None:
    """Copies it `total` times `each`, all columns as they are but those that differ."""
    table = row._meta.db_table
    columns = [str(field.column) for field in row._meta.local_concrete_fields]
    if "id" not in different:
        columns.remove("id")
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(different.get(column, f't."{column}"') for column in columns)
    with connection.cursor() as cursor:
        # Names and expressions of ours only.
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, "  # noqa: S608
            "(SELECT %s AS total) a, generate_series(1, %s) n, generate_series(1, %s) k "
            "WHERE t.id = %s",
            [total, total, each, row.pk],
        )


def timed() -> Figures:
    # Nothing is collected where nobody serves files.
    warnings.filterwarnings("ignore", "No directory at")
    found = {}
    for name, query in queries().items():
        spent = [once(query) for _ in range(REPETITIONS)]
        found[f"{name}, ms"] = 1000 * median(spent)
    return found


def once(query: Callable[[], object]) -> float:
    """Whatever it changed is taken back."""
    with transaction.atomic():
        began = time.perf_counter()
        query()
        took = time.perf_counter() - began
        transaction.set_rollback(True)
    return took


def queries() -> dict[str, Callable[[], object]]:
    api = partial(get, Client(headers={"Authorization": f"Token {rows.token()}"}))
    contact = Contact.objects.get().pk
    newest = Message.objects.filter(status=Status.SENT)[0]
    resend = ("email", "resend")
    receipt = StatusChanged(
        kind=Kind.DELIVERED,
        status=Status.DELIVERED,
        provider_id=newest.provider_id,
        occurred_at=timezone.now(),
    )
    return {
        "what is ahead in the outbox": partial(claims.peek_priorities, *resend, ["resend"], 100),
        f"claim of {OUTBOX} messages": partial(
            claims.claim_due,
            *resend,
            usable=["resend"],
            limit=OUTBOX,
        ),
        f"claim of webhooks, {INBOX:,} of {PARTIES} waiting": inbox.Inbox().claim,
        "attempt of a receipt": partial(receipts.find_attempt, "resend", receipt),
        "receipts to poll": poll_receipts,
        "tail of the stream": lambda: list(
            event_stream.StreamCursor(event_stream.last_event_id() - 20).read()
        ),
        "replay for a browser": partial(replay, newest.organization_id),
        "prune, nothing old": retention.remove_expired,
        "API: first page": partial(api, ""),
        "API: first page of failed ones": partial(api, "?status=failed"),
        "API: first page of e-mails": partial(api, "?channel=email"),
        "API: first page of a contact": partial(api, f"?contact={contact}"),
        "API: first page of an address": partial(api, "?to=guest-7@example.com"),
        "API: timeline": partial(api, f"{newest.pk}/events/"),
        "API: summary": partial(api, "summary/"),
    }


def poll_receipts() -> None:
    with patch.object(receipt_polling, "ask_about", return_value=None):
        receipt_polling.poll_overdue_receipts()


def replay(organization: int) -> None:
    event_stream.replay_frames(organization, event_stream.last_event_id() - 100)


def get(client: Client, path: str) -> None:
    response = client.get(f"/api/messages/{path}", headers={"Host": "127.0.0.1"})
    if response.status_code != 200:
        raise RuntimeError(f"{path}: {response.status_code} {response.content!r}")
