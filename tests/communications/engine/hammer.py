"""One of several processes that do things at once: a deed and its arguments in each line of JSON,
and a line of JSON in answer."""

import json
import sys
from typing import Any

import django
from django.apps import apps

from communications.errors import NotPossible

if not apps.ready:
    django.setup()

from django.db import connection
from django.utils import timezone

from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.messages import staff_actions
from communications.messages.transitions import (
    Change,
    record,
)
from communications.models import Message, Organization
from communications.sending import claims as claiming
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status


def claim(limit: int) -> list[list[str]]:
    """The messages of every call it gets, until nothing is due."""
    calls = []
    while claiming.peek_priorities("email", "resend", ["resend"], 1):
        claims = claiming.claim_due("email", "resend", usable=["resend"], limit=limit)
        calls += [[str(attempt.message_id) for attempt in claimed.attempts] for claimed in claims]
    return calls


def receipts(attempt: int, message: str, status: str, count: int) -> int:
    """Applies many receipts, each with an id of its own."""
    for number in range(count):
        change = Change(
            message=Message.objects.get(pk=message).pk,
            attempt=attempt,
            kind=Kind.OTHER,
            source=Source.WEBHOOK,
            status=Status(status),
            provider="resend",
            event_id=f"{status}-{number}",
            occurred_at=timezone.now(),
        )
        record([change])
    return count


def same_receipts(attempt: int, message: str, count: int) -> int:
    """Applies the receipts that every process applies, and says how many were new to it."""
    return sum(
        len(
            record(
                [
                    Change(
                        message=Message.objects.get(pk=message).pk,
                        attempt=attempt,
                        kind=Kind.DELIVERED,
                        status=Status.DELIVERED,
                        provider="resend",
                        event_id=f"same-{number}",
                    ),
                ],
            ),
        )
        for number in range(count)
    )


def compose_same(organization: int, count: int) -> list[tuple[str, bool]]:
    venue = Organization.objects.get(pk=organization)
    draft = Draft(to="amelia@example.com", subject="Your day", body="See you soon.")
    made = [
        compose_message(venue, draft, idempotency_key=f"same-{number}") for number in range(count)
    ]
    return [(str(composed.message.pk), composed.is_new) for composed in made]


def cancel_all() -> list[str]:
    """The messages it could cancel."""
    cancelled = []
    for message in Message.objects.order_by("pk"):
        try:
            staff_actions.cancel_message(message)
        except NotPossible:
            continue
        cancelled.append(str(message.pk))
    return cancelled


def retry_all() -> list[str]:
    retried = []
    for message in Message.objects.order_by("pk"):
        try:
            staff_actions.retry_message(message)
        except NotPossible:
            continue
        retried.append(str(message.pk))
    return retried


def repeat_all(*calls: str) -> list[str]:
    """The unanswered calls that it may repeat."""
    return [call for call in calls if claiming.claim_repeat(call) is not None]


def main() -> None:
    for line in sys.stdin:
        deed, *arguments = json.loads(line)
        answer: Any = globals()[deed](*arguments)
        connection.close()
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
