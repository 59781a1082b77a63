"""Rows that nobody keeps any more: webhooks, events, attempts with their calls, whole messages.

Each function removes one batch in one short transaction, and leaves out what others are writing at
this moment.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from communications.files import removal
from communications.messages.spent_keys import spend_keys
from communications.models import (
    Attachment,
    Attempt,
    Call,
    Event,
    Message,
    Organization,
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
    if organization is None:
        # Each is somebody's, like messages.
        return 0
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
    with transaction.atomic():
        forget_events(organization, Event.objects.filter(pk__in=ids))
    return len(ids)


def forget_events(organization: int, rows: QuerySet[Event]) -> None:
    """Removes events, and has whoever saw none of them load their lists anew (`event_stream`)."""
    highest = rows.aggregate(highest=Max("pk"))["highest"]
    if highest is None:
        return
    Organization.objects.filter(pk=organization, events_removed_to__lt=highest).update(
        events_removed_to=highest
    )
    rows.delete()


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
    if organization is None:
        return 0
    with transaction.atomic():
        # The organization comes first, as for everybody who locks both.
        list(Organization.objects.select_for_update(no_key=True).filter(pk=organization))
        ids = lock_oldest(organization, before)
        forget_events(organization, Event.objects.filter(message__in=ids))
        remove_attempts_of(ids)
        # The files themselves go with the next sweep.
        removal.detach_files(Attachment.objects.filter(message__in=ids).defer("content"))
        messages = Message.objects.filter(pk__in=ids)
        spend_keys(messages)
        messages.delete()
    return len(ids)


def lock_oldest(organization: int | None, before: datetime, **columns: int) -> list[UUID]:
    """Locks the oldest messages that were over before then, and returns their ids."""
    oldest = Message.objects.over_since(before).filter(organization=organization, **columns)
    locked = oldest.order_by("created_at", "pk").select_for_update(skip_locked=True)
    return list(locked.values_list("pk", flat=True)[:MESSAGE_BATCH])


def remove_attempts_of(messages: Collection[UUID]) -> None:
    attempts = Attempt.objects.filter(message__in=messages)
    calls = set(attempts.values_list("call", flat=True))
    attempts.delete()
    # Those that carried nobody else's.
    Call.objects.filter(pk__in=calls, repeat_after=None, attempts=None).delete()
