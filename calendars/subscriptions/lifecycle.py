"""Subscribes to push notifications, renews long before the end, and stops until it is confirmed.

A row is written before the vendor is asked: its first message may beat its answer, and an answer
that is lost leaves something behind that must be found again. Where the vendor lets two overlap,
the next one lives before the last one ends.
"""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calendars import enqueue
from calendars.linking.accounts import allows_purpose
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, Calendar, Subscription
from calendars.models.subscriptions import SubscriptionState
from calendars.providers.base import Gone, Mailbox, PollOnly, SubscriptionExists
from calendars.providers.registry import configured_vendor
from calendars.subscriptions.notifications import (
    announce_change,
    secret_digest,
)
from calendars.vocabulary.events import RemoteSubscription
from wedsync_comms.lib.backoff import backoff_delay
from wedsync_comms.lib.errors import ProviderError, TransientError

log = structlog.get_logger(__name__)

WEBHOOK_PATH = "/api/webhooks/communications/calendar"
PEOPLE = "people"
# No answer for so long: what was asked for is looked after as if it were there.
PENDING_PATIENCE = timedelta(minutes=2)
# The last one goes on a little after the next one lives.
SUBSCRIPTION_OVERLAP = timedelta(minutes=1)
# No vendor's subscription lives longer.
LONGEST_SUBSCRIPTION = timedelta(days=31)
# After the n-th failure; the last one is repeated.
RENEWAL_BACKOFF_S = (60, 300, 900, 3600)
SHORTEST_RENEWAL_PAUSE = timedelta(seconds=30)
RENEWAL_LEASE = timedelta(minutes=2)


def accounts_to_maintain() -> list[int]:
    """Returns all accounts that may be asked now: what an account lacks shows only then."""
    return list(Account.objects.workable(timezone.now()).values_list("pk", flat=True))


def maintain_subscriptions(key: int) -> None:
    """Asks for the subscriptions an account lacks; renews or stops those that are due."""
    account = Account.objects.linked().filter(pk=key).first()
    if account is None:
        return
    for subscription in account.subscriptions.due(timezone.now()):
        if claim_subscription(subscription):
            renew_or_stop(account, subscription)
    for calendar in missing_subscriptions(account):
        open_subscription(account, calendar)


def renew_now(accounts: QuerySet[Account]) -> int:
    """Renews all subscriptions of the accounts now. Returns how many accounts can be asked."""
    now = timezone.now()
    mine = Subscription.objects.live().filter(account__in=accounts)
    mine.update(act_after=now)
    workable = Account.objects.workable(now).filter(pk__in=accounts)
    keys = list(workable.values_list("pk", flat=True))
    for key in keys:
        enqueue.enqueue_maintenance(key)
    return len(keys)


def missing_subscriptions(account: Account) -> Sequence[Calendar | None]:
    """Returns what no subscription announces yet. None: the account's contacts."""
    if not allows_purpose(account, "calendars"):
        return missing_contacts(account)
    awake = account.subscriptions.exclude(state=SubscriptionState.STOPPING)
    calendars = Calendar.objects.followed().filter(account=account, poll_only=False)
    return [*calendars.exclude(subscriptions__in=awake), *missing_contacts(account)]


def missing_contacts(account: Account) -> list[None]:
    if not (
        configured_vendor(account.vendor).pushes_people and allows_purpose(account, "contacts")
    ):
        return []
    awake = account.subscriptions.exclude(state=SubscriptionState.STOPPING)
    return [] if awake.filter(calendar=None).exists() else [None]


def open_subscription(
    account: Account, calendar: Calendar | None, *, replaces: bool = False
) -> bool:
    """Subscribes, and returns whether there is a new, live subscription."""
    secret = secrets.token_urlsafe(32)
    row = write_pending(account, calendar, secret, replaces=replaces)
    if row is None:
        return False
    try:
        with open_mailbox(account) as box:
            push = subscribe_at_vendor(box, row, secret)
    except PollOnly:
        row.delete()
        if calendar:
            Calendar.objects.filter(pk=calendar.pk).update(poll_only=True)
    except ProviderError as error:
        on_failed_subscribe(account, row, error)
    else:
        mark_live(row, push)
        return True
    return False


def write_pending(
    account: Account,
    calendar: Calendar | None,
    secret: str,
    *,
    replaces: bool,
) -> Subscription | None:
    """Stores a pending subscription; returns None where another process was faster."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        there = account.subscriptions.filter(calendar=calendar)
        unfinished = there.filter(state=SubscriptionState.PENDING).exists()
        if unfinished or (there.live().exists() and not replaces):
            return None
        return Subscription.objects.create(
            account=account,
            calendar=calendar,
            remote_id=str(uuid.uuid4()),
            secret_hash=secret_digest(secret),
            act_after=timezone.now() + PENDING_PATIENCE,
        )


def subscribe_at_vendor(box: Mailbox, row: Subscription, secret: str) -> RemoteSubscription:
    resource = row.calendar.remote_id if row.calendar else PEOPLE
    url = settings.PUBLIC_URL + WEBHOOK_PATH
    try:
        return box.subscribe(resource, id=row.remote_id, url=url, secret=secret)
    except SubscriptionExists as error:
        # One whose answer was lost, or of an installation before this one. Nobody knows its
        # secret any more.
        if not error.existing:
            raise TransientError("There is one already, and nobody says which.") from error
        box.unsubscribe(RemoteSubscription(id=error.existing, expires_at=timezone.now()))
        return box.subscribe(resource, id=row.remote_id, url=url, secret=secret)


def mark_live(row: Subscription, push: RemoteSubscription) -> None:
    """Stores the answer, stops the previous subscription, and pulls what happened between."""
    now = timezone.now()
    with transaction.atomic():
        Subscription.objects.filter(pk=row.pk).update(
            remote_id=push.id,
            resource_id=push.resource_id,
            state=SubscriptionState.LIVE,
            starts_at=now,
            tries=0,
            error="",
            **renewal_times(push, now),
        )
        others = row.account.subscriptions.live().filter(calendar=row.calendar).exclude(pk=row.pk)
        others.update(state=SubscriptionState.STOPPING, act_after=now + SUBSCRIPTION_OVERLAP)
        announce_change(row, now)
    log.info("subscription", subscription=row.pk, account=row.account_id, outcome="live")


def renewal_times(push: RemoteSubscription, now: datetime) -> dict[str, datetime]:
    """Returns the end, and the renewal at half of its life."""
    return {"expires_at": push.expires_at, "act_after": now + (push.expires_at - now) / 2}


def on_failed_subscribe(account: Account, row: Subscription, error: ProviderError) -> None:
    """Cleans up, as it may be there: where ids are ours it is stopped; where they are the
    vendor's, its own "exists already" will name it."""
    if configured_vendor(account.vendor).overlapping_pushes:
        Subscription.objects.filter(pk=row.pk).update(
            state=SubscriptionState.STOPPING,
            error=f"{type(error).__name__}: {error}",
        )
    else:
        row.delete()


def claim_subscription(row: Subscription) -> bool:
    mine = Subscription.objects.filter(pk=row.pk, act_after=row.act_after)
    return bool(mine.update(act_after=timezone.now() + RENEWAL_LEASE))


def renew_or_stop(account: Account, row: Subscription) -> None:
    try:
        if row.state == SubscriptionState.LIVE:
            renew_subscription(account, row)
        else:
            stop_subscription(account, row)
    except ProviderError as error:
        reschedule_renewal(row, error)


def renew_subscription(account: Account, row: Subscription) -> None:
    if configured_vendor(account.vendor).overlapping_pushes:
        if not open_subscription(account, row.calendar, replaces=True):
            reschedule_renewal(row, TransientError("The next one could not be asked for."))
        return
    try:
        with open_mailbox(account) as box:
            push = box.renew(row.as_push())
    except Gone:
        # It ended without a word: the next one is asked for at once.
        row.delete()
        return
    now = timezone.now()
    Subscription.objects.filter(pk=row.pk).update(tries=0, error="", **renewal_times(push, now))


def stop_subscription(account: Account, row: Subscription) -> None:
    with open_mailbox(account) as box:
        box.unsubscribe(row.as_push())
    row.delete()


def reschedule_renewal(row: Subscription, error: ProviderError) -> None:
    """Schedules the next try; it is never given up, and tried more often before the end."""
    now = timezone.now()
    if row.state != SubscriptionState.LIVE and now > row.created_at + LONGEST_SUBSCRIPTION:
        row.delete()
        return
    wait = backoff_delay(row.tries + 1, RENEWAL_BACKOFF_S)
    if row.expires_at:
        wait = min(wait, max((row.expires_at - now) / 4, SHORTEST_RENEWAL_PAUSE))
    Subscription.objects.filter(pk=row.pk).update(
        act_after=now + wait,
        tries=row.tries + 1,
        error=f"{type(error).__name__}: {error}",
    )
    log.info("subscription", subscription=row.pk, outcome=type(error).__name__)
    if row.state == SubscriptionState.LIVE and row.expires_at and row.expires_at <= now:
        row.delete()
        enqueue.enqueue_maintenance(row.account_id)
