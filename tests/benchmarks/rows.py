"""Rows for benchmarks, made inside a stack's own process, many at once."""

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authtoken.models import Token

from communications.live import event_stream
from communications.models import Membership, Message, Organization, Role
from communications.vocabulary.statuses import Status

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


TO = {"email": "guest-{}@example.com", "sms": "+4477009{:05}"}


def due(count: int, channel: str = "email") -> None:
    """So many messages in the outbox, all due with one commit."""
    owner, now = organization(), timezone.now()
    Message.objects.bulk_create(
        Message(
            organization=owner,
            channel=channel,
            leg_channel=channel,
            to=TO[channel].format(number),
            leg_to=TO[channel].format(number),
            subject="Your day",
            body="See you at the venue.",
            send_after=now,
        )
        for number in range(count)
    )
    event_stream.wake_dispatchers()


def left() -> int:
    return Message.objects.filter(status=Status.QUEUED).count()


def clear_outbox() -> None:
    Message.objects.filter(status=Status.QUEUED).delete()
