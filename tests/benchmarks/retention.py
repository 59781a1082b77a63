"""Rows removed a second, and how long a claim takes meanwhile, beside one without that.

60,000 messages that are too old, of two organizations, with five events, an attempt, a call and a
webhook each: 540,000 rows. 1,000,000 messages a day are some 105 rows a second.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from django.db import connection, transaction
from django.db.models import Model

from communications.models import Event, Message, Organization, WebhookDelivery
from communications.sending import claims
from tests.benchmarks import history, report, rows
from tests.benchmarks.report import Figures, Row
from tests.benchmarks.stack import ROOT, Machine

MESSAGES = 60_000
OWNED = (Message, Event, WebhookDelivery)
OLD = "now() - interval '100 days'"
OUTBOX = 2_000
CLAIMED = 10
PAUSE_S = 0.02
# Long enough for a hundred claims.
MEASURED_S = 15.0
REMOVE = f"""
import time
from communications.messages import retention
retention.BUDGET_S = {MEASURED_S}
print("begins", flush=True)
began = time.perf_counter()
retention.remove_expired()
print(time.perf_counter() - began, flush=True)
"""
KINDS = ("delivery", "event", "text", "attempt", "message")


def run(machine: Machine, _: int) -> Iterator[Row]:
    stack = machine.postgres_with_redis("retention")
    stack.run(fill)
    alone = stack.run(claimed_for, MEASURED_S)
    for kind in KINDS:
        found = stack.run(removed_beside_claims, kind)
        yield Row(f"removed in turns: {kind}, rows/s", "all there is", found.pop("rows/s"))
        for what, figure in found.items():
            yield Row(f"{what}, {kind}s removed", "meanwhile", figure, "alone", alone[what])


# --- in the stack's own process -----------------------------------------------------------------


def fill() -> None:
    organizations = [
        Organization.objects.create(name=name, slug=name).pk for name in ("many", "more")
    ]
    owner = f"(ARRAY[{organizations[0]}, {organizations[1]}])[1 + mod(n, 2)]"
    made = {
        model: {**copies, "organization_id": owner} if model in OWNED else copies
        for model, copies in history.COPIES.items()
    }
    with patch.object(history, "COPIES", aged(made)):
        history.fill(MESSAGES)
    rows.due(OUTBOX)


def aged(copies: dict[type[Model], history.Copies]) -> dict[type[Model], history.Copies]:
    """Returns them with every time older than what is kept."""
    return {
        model: {column: OLD if value == history.WHEN else value for column, value in made.items()}
        for model, made in copies.items()
    }


def claimed_for(seconds: float, remover: subprocess.Popen[str] | None = None) -> Figures:
    """Claims as a dispatcher does, as long as somebody removes, and takes each claim back."""
    spent, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends and not (remover and removal_is_over(remover)):
        began = time.perf_counter()
        with transaction.atomic():
            claims.claim_due("email", "resend", usable=["resend"], limit=CLAIMED)
            spent.append(1000 * (time.perf_counter() - began))
            transaction.set_rollback(True)
        time.sleep(PAUSE_S)
    return {
        f"claim of {CLAIMED}, p50 ms": report.percentile(spent, 0.5),
        f"claim of {CLAIMED}, p95 ms": report.percentile(spent, 0.95),
    }


def removal_is_over(remover: subprocess.Popen[str]) -> bool:
    output: Any = remover.stdout
    return bool(select.select([output], [], [], 0)[0])


def removed_beside_claims(kind: str) -> Figures:
    """Removes in a process of its own, as the worker does."""
    kept = {f"KEEP_{name.upper()}_DAYS": "90" if name == kind else "0" for name in KINDS}
    before = counted()
    with subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", REMOVE],
        cwd=ROOT,
        env=os.environ | kept,
        stdout=subprocess.PIPE,
        text=True,
    ) as remover:
        assert remover.stdout
        remover.stdout.readline()
        figures = claimed_for(MEASURED_S * 2, remover)
        took_s = float(remover.stdout.readline())
    return {"rows/s": (before - counted()) / took_s, **figures}


def counted() -> int:
    """The rows there are; a message whose text or attempts were removed counts as one less."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM communications_message) * 3 "
            "- (SELECT count(*) FROM communications_message WHERE trimmed & 1 = 1) "
            "- (SELECT count(*) FROM communications_message WHERE trimmed & 2 = 2) "
            "+ (SELECT count(*) FROM communications_event) "
            "+ (SELECT count(*) FROM communications_attempt) "
            "+ (SELECT count(*) FROM communications_call) "
            "+ (SELECT count(*) FROM communications_webhookdelivery)"
        )
        return int(cursor.fetchone()[0])
