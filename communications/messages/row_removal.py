"""Rows that nobody keeps any more: webhooks, events, attempts with their calls, whole messages.

Each function removes one batch in one short transaction, and leaves out what others are writing at
this moment.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from communications.files import removal
from communications.models import (
    Attachment,
    Attempt,
    Call,
    Event,
    Message,
    Trimmed,
    WebhookDelivery,
)

ROW_BATCH = 1000
MESSAGE_BATCH = 250


def remove_deliveries(organization: int | None, before: datetime) -> int:
    """What was never applied stays, however old: it may still be wanted."""
    rows = WebhookDelivery.objects.filter(
        organization=organization, received_at__lt=before, applied_at__isnull=False
    )
    ids = list(rows.order_by("received_at").values_list("pk", flat=True)[:ROW_BATCH])
    WebhookDelivery.objects.filter(pk__in=ids).delete()
    return len(ids)


def remove_events(organization: int | None, before: datetime) -> int:
    # By their ids, of which the organizations' index is made; an index by its times would be one
    # more to write for each event.
    newest = Event.objects.filter(recorded_at__lt=before).order_by("-recorded_at").first()
    if newest is None:
        return 0
    rows = Event.objects.filter(
        organization=organization,
        pk__lte=newest.pk,
        recorded_at__lt=before,
        message__in=Message.objects.settled(),
    )
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:ROW_BATCH])
    Event.objects.filter(pk__in=ids).delete()
    return len(ids)


def remove_attempts(organization: int | None, before: datetime) -> int:
    """Returns of how many messages; where a message stands stays written on it."""
    with transaction.atomic():
        for trimmed in (Trimmed.NOTHING, Trimmed.TEXT):
            if ids := lock_oldest(organization, before, trimmed=trimmed):
                remove_attempts_of(ids)
                done = Trimmed(trimmed | Trimmed.ATTEMPTS)
                Message.objects.filter(pk__in=ids).update(trimmed=done)
                return len(ids)
    return 0


def remove_messages(organization: int | None, before: datetime) -> int:
    """With all that belongs to them. What others say of them (a suppression, an answer) stays."""
    with transaction.atomic():
        ids = lock_oldest(organization, before)
        Event.objects.filter(message__in=ids).delete()
        remove_attempts_of(ids)
        # The files themselves go with the next sweep.
        removal.detach_files(Attachment.objects.filter(message__in=ids).defer("content"))
        Message.objects.filter(pk__in=ids).delete()
    return len(ids)


def lock_oldest(organization: int | None, before: datetime, **columns: int) -> list[UUID]:
    """Locks the oldest messages from before then that have nothing ahead, and returns their ids."""
    settled = Message.objects.settled().filter(**columns)
    oldest = settled.filter(organization=organization, created_at__lt=before)
    locked = oldest.order_by("created_at", "pk").select_for_update(skip_locked=True)
    return list(locked.values_list("pk", flat=True)[:MESSAGE_BATCH])


def remove_attempts_of(messages: Collection[UUID]) -> None:
    attempts = Attempt.objects.filter(message__in=messages)
    calls = set(attempts.values_list("call", flat=True))
    attempts.delete()
    # Those that carried nobody else's.
    Call.objects.filter(pk__in=calls, repeat_after=None, attempts=None).delete()
