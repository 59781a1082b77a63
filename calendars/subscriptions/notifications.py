"""Accepts push notifications: counted within milliseconds, pulled later.

A push that is not genuine has no effect at all, and none causes a call to a vendor here.
"""

from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calendars import enqueue
from calendars.models import Account, Calendar, ContactBook, Subscription
from calendars.models.subscriptions import SubscriptionState
from calendars.providers import registry
from calendars.vocabulary.events import PushNotification
from wedsync_comms.lib.errors import MalformedRequest
from wedsync_comms.lib.secrets import is_same
from wedsync_comms.lib.web.webhook_request import WebhookRequest

log = structlog.get_logger(__name__)

# Compared with where there is nothing to compare with: a guess takes as long as a hit.
NO_SECRET_HASH = sha256(b"nobody").hexdigest()
# Many changes in one request are normal; so many are not.
MAX_NOTIFICATIONS = 1000
BURST_WINDOW = timedelta(seconds=10)


def receive_notifications(request: WebhookRequest) -> int:
    """Accepts a vendor's request, and returns how many notifications in it were genuine.

    Raises MalformedRequest.
    """
    pushes = parse_notifications(request)
    return sum(accept_notification(pushed) for pushed in pushes[:MAX_NOTIFICATIONS])


def parse_notifications(request: WebhookRequest) -> list[PushNotification]:
    for slug in registry.vendor_slugs():
        vendor = registry.configured_vendor(slug)
        if vendor.recognizes(request):
            return list(vendor.pushed(request))
    raise MalformedRequest("This is no calendar's message.")


def secret_digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def accept_notification(pushed: PushNotification) -> bool:
    """Stores one push notification, and returns whether it was genuine (by its secret)."""
    subscription = Subscription.objects.filter(remote_id=pushed.subscription).first()
    is_right = is_same(
        subscription.secret_hash if subscription else NO_SECRET_HASH, secret_digest(pushed.secret)
    )
    if not (subscription and is_right and is_same_resource(subscription, pushed)):
        log.info("push", outcome="ignored", subscription=pushed.subscription[:80])
        return False
    with transaction.atomic():
        record_notification(subscription, pushed, timezone.now())
    return True


def is_same_resource(subscription: Subscription, pushed: PushNotification) -> bool:
    """Returns whether the second id is right, where we know it and it is told."""
    known, given = subscription.resource_id, pushed.resource_id
    return not (known and given) or is_same(known, given)


def record_notification(
    subscription: Subscription, pushed: PushNotification, now: datetime
) -> None:
    record_message(subscription, pushed, now)
    if pushed.what in {"reauthorize", "removed"}:
        maintain_soon(subscription, pushed.what, now)
    if pushed.what != "live":
        announce_change(subscription, now)


def record_message(subscription: Subscription, pushed: PushNotification, now: datetime) -> None:
    """Stores when it was heard; of a burst only the first.

    Each write waits for the disk, and the vendor for us.
    """
    news = {
        # Without its second id, one we never got an answer about could not be stopped.
        "resource_id": subscription.resource_id or pushed.resource_id,
        "expires_at": pushed.expires_at or subscription.expires_at,
    }
    heard = subscription.last_message_at
    is_recent = heard is not None and heard > now - BURST_WINDOW
    if is_recent and all(getattr(subscription, name) == value for name, value in news.items()):
        return
    Subscription.objects.filter(pk=subscription.pk).update(last_message_at=now, **news)


def maintain_soon(subscription: Subscription, what: str, now: datetime) -> None:
    mine = Subscription.objects.filter(pk=subscription.pk)
    mine.update(act_after=now)
    if what == "removed":
        mine.update(state=SubscriptionState.STOPPING, error="Removed by the vendor.")
    enqueue.enqueue_maintenance(subscription.account_id)


def announce_change(subscription: Subscription, now: datetime) -> None:
    """Counts a change, so that a push notification during a pull causes another pull.

    Only the first of a burst asks for a pull.
    """
    if subscription.calendar_id is None:
        announce_people(subscription.account_id)
        return
    mine = Calendar.objects.filter(pk=subscription.calendar_id)
    count = {"dirty": F("dirty") + 1, "last_pushed_at": now}
    # One statement for all but the first of a burst.
    if not mine.filter(dirty__gt=F("pulled")).update(**count):
        mine.update(**count)
        enqueue.enqueue_pull(subscription.calendar_id)


def announce_people(account: int) -> None:
    mine = Account.objects.filter(pk=account)
    count = {"people_dirty": F("people_dirty") + 1}
    book = ContactBook.objects.followed().filter(account=account).first()
    if book is not None and mine.filter(people_dirty=book.seen_dirty).update(**count):
        enqueue.enqueue_contact_sync(book.pk)
    else:
        mine.update(**count)
