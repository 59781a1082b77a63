"""Messages in the middle of their lives, written straight into the tables."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from communications.messages.transitions import Change
from communications.models import Attempt, Call, Message, Organization
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def message(of: Organization, **columns: Any) -> Message:
    """Out of the outbox, with no attempt yet."""
    values = {"channel": "email", "to": "amelia@example.com", "subject": "Your day", "body": "Soon"}
    values |= columns
    leg = {"leg_channel": values["channel"], "leg_to": values["to"]}
    return Message.objects.create(organization=of, **{**leg, **values})


def outbox(of: Organization, count: int) -> list[Message]:
    """As many messages in the outbox, to as many people, in one statement."""
    people = [f"{uuid.uuid4().hex}@example.com" for _ in range(count)]
    return Message.objects.bulk_create(
        Message(
            organization=of,
            channel="email",
            leg_channel="email",
            to=to,
            leg_to=to,
            subject="Your day",
            body="See you soon.",
            send_after=timezone.now(),
        )
        for to in people
    )


def attempt(of: Message, call: Call | None = None, **columns: Any) -> Attempt:
    call = call or Call.objects.create(provider=columns.get("provider", "first"))
    number = of.attempts.count() + 1
    values = {"provider": call.provider, "started_at": NOW, "number": number, "to": of.leg_to}
    values |= columns
    return Attempt.objects.create(message=of, call=call, **values)


def receipt(on: Attempt, kind: Kind, status: Status | None, **columns: Any) -> Change:
    """What a webhook makes known; by default one that was never seen before."""
    values = {
        "source": Source.WEBHOOK,
        "provider": on.provider,
        "provider_id": f"id-{on.number}",
        "event_id": uuid.uuid4().hex,
        "occurred_at": NOW,
        **columns,
    }
    return Change(message=on.message_id, attempt=on.pk, kind=kind, status=status, **values)
