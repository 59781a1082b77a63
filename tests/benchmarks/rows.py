"""Rows for benchmarks, made inside a stack's own process, many at once."""

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authtoken.models import Token

from communications import broadcast
from communications.models import Membership, Message, Organization, Role
from communications.statuses import Status

SLUG = "bench"


def organization() -> Organization:
    return Organization.objects.get_or_create(slug=SLUG, defaults={"name": "Benchmarks"})[0]


def token() -> str:
    """Of a member of the organization, for the API and the WebSocket."""
    user = User.objects.get_or_create(username="bench")[0]
    Membership.objects.get_or_create(
        user=user,
        defaults={"organization": organization(), "role": Role.STAFF},
    )
    return str(Token.objects.get_or_create(user=user)[0].key)


def due(count: int) -> None:
    """So many messages in the outbox, all due with one commit."""
    owner, now = organization(), timezone.now()
    Message.objects.bulk_create(
        Message(
            organization=owner,
            channel="email",
            leg_channel="email",
            to=f"guest-{number}@example.com",
            leg_to=f"guest-{number}@example.com",
            subject="Your day",
            body="See you at the venue.",
            send_after=now,
        )
        for number in range(count)
    )
    broadcast.wake_dispatchers()


def left() -> int:
    return Message.objects.filter(status=Status.QUEUED).count()


def clear_outbox() -> None:
    Message.objects.filter(status=Status.QUEUED).delete()
