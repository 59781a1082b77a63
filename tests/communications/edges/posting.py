"""Webhooks as Resend posts them, and messages for them to be about."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from django.test import Client

from communications.models import Attempt, Message
from communications.providers.base import Accepted
from communications.sending import (
    claims,
    outcomes,
)
from tests import factories
from tests.communications.providers.signing import svix
from wedsync_comms.lib.web.webhook_request import WebhookRequest

URL = "/api/webhooks/communications/resend"
numbers = itertools.count(1)


def post(body: bytes, headers: Mapping[str, str], client: Client | None = None) -> Any:
    """A csrf-checking client by default: a provider has no session of ours."""
    client = client or Client(enforce_csrf_checks=True)
    return client.generic(
        "POST",
        URL,
        body,
        content_type="application/json",
        headers=dict(headers),
    )


def event(name: str, /, **data: Any) -> bytes:
    return json.dumps(
        {"type": name, "created_at": "2026-11-20T09:15:42.678Z", "data": data},
    ).encode()


def deliver(name: str, /, *, event_id: str = "", **data: Any) -> Any:
    """A genuine event over the wire; by default with an id of its own."""
    body = event(name, **data)
    return post(body, svix(body, event_id=event_id or f"msg_{next(numbers)}"))


def request(body: bytes, *, event_id: str = "") -> WebhookRequest:
    headers = svix(body, event_id=event_id or f"msg_{next(numbers)}")
    return WebhookRequest(method="POST", url="http://testserver" + URL, headers=headers, body=body)


def claimed(message: Message) -> claims.Claim:
    """The message is on its way: its attempt is committed, the answer has not come."""
    (found,) = claims.claim_due(message.channel, "resend", usable=["resend"], limit=1)
    assert found.attempts[0].message_id == message.pk
    return found


def accept(claim: claims.Claim, provider_id: str) -> None:
    outcomes.record_outcomes([outcomes.CallResult(claim, [Accepted(provider_id=provider_id)])])


def sent(provider_id: str = "", **fields: Any) -> Message:
    """Resend has it."""
    message = factories.message(**fields)
    accept(claimed(message), provider_id or f"re-{next(numbers)}")
    message.refresh_from_db()
    return message


def echo(claim: claims.Claim) -> dict[str, str]:
    """Our ids, as they come back."""
    attempt: Attempt = claim.attempts[0]
    return {"message": str(attempt.message_id), "call": str(attempt.call_id)}
