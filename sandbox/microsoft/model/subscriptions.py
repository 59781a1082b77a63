"""change -> those who subscribed -> notification, for as long as they are authorized.

https://learn.microsoft.com/en-us/graph/change-notifications-lifecycle-events
"""

from datetime import datetime, timedelta
from typing import Any

from sandbox.lib.clock import Clock
from sandbox.lib.state import Timers
from sandbox.microsoft.errors import RefusedError

from .mailbox import Change
from .notices import Notices
from .stamps import stamp
from .subscription import Subscription
from .users import User

Json = dict[str, Any]

# How long before a token runs out one is asked to renew it, and how long is waited afterwards.
WARN_BEFORE = timedelta(minutes=15)
HELD_FOR = timedelta(hours=4)
SHORTEST = timedelta(minutes=45)
MAX_PER_MAILBOX = 1000
# The clock can jump; between jumps this is often enough to notice what has run out.
LOOK_EVERY = 5.0


class Subscriptions:
    KEPT = ("notices", "every", "_timers")

    def __init__(self, notices: Notices, clock: Clock) -> None:
        self.max_minutes = 10_080
        # Whether they stop when the token they were made with runs out.
        self.need_authorization = True
        # For each change, this many more notifications of the same update.
        self.extra_updates = 0
        self.every: dict[str, Subscription] = {}
        self.notices = notices
        self._clock = clock
        self._timers = Timers()

    def clear(self) -> None:
        self.every.clear()
        self._timers.clear()
        self.notices.clear()

    def find(self, id_: str, user: User) -> Subscription:
        self.look()
        found = self.every.get(id_)
        if found is None or found.user != user:
            raise RefusedError(
                404, "ResourceNotFound", f"The object was not found. Subscription Id <{id_}>."
            )
        return found

    def of(self, user: User) -> list[Subscription]:
        self.look()
        return [mine for mine in self.every.values() if mine.user == user]

    def limited(self, wanted: datetime) -> datetime:
        """Returns the end, raised to the shortest; refuses what is beyond the longest."""
        now = self._clock.now()
        # The client's clock may be a little ahead.
        if wanted > now + timedelta(minutes=self.max_minutes, seconds=30):
            raise RefusedError(
                400,
                "ExtensionError",
                "Operation: Create; Exception: [Status Code: BadRequest; Reason: Subscription "
                f"expiration can only be {self.max_minutes} minutes in the future.]",
            )
        return max(wanted, now + SHORTEST)

    def demand_room(self, wanted: Subscription) -> None:
        mine = self.of(wanted.user)
        for subscription in mine:
            if subscription.combination == wanted.combination:
                raise RefusedError(
                    409,
                    "ExtensionError",
                    f"Subscription Id <{subscription.id}> already exists for the "
                    "requested combination",
                )
        if len(mine) >= MAX_PER_MAILBOX:
            raise RefusedError(403, "ExtensionError", "Subscriptions quota is exceeded.")

    def add(self, subscription: Subscription) -> None:
        self.every[subscription.id] = subscription
        if len(self.every) == 1:
            self._timers.later(LOOK_EVERY, self._look_again)

    def authorize(self, subscription: Subscription, until: datetime) -> None:
        """Sends what was held back, if it is not too old."""
        subscription.authorized_until, subscription.was_warned = until, False
        held, subscription.held = subscription.held, []
        for at, notice in held:
            if self._clock.now() - at <= HELD_FOR:
                self.notices.add(subscription, notice)

    def changed(self, change: Change) -> None:
        self.look()
        for subscription in list(self.every.values()):
            if subscription.concerns(change):
                self._announce(subscription, change)

    def tell(self, subscription: Subscription, event: str) -> None:
        """Posts a lifecycle event."""
        if subscription.lifecycle_url is None:
            return
        notice = {**_head(subscription), "lifecycleEvent": event}
        self.notices.add(subscription, notice, lifecycle=event)

    def remove(self, subscription: Subscription, *, tell: bool) -> None:
        self.every.pop(subscription.id, None)
        if tell:
            self.tell(subscription, "subscriptionRemoved")

    def look(self) -> None:
        """Looks for subscriptions that have run out or are about to."""
        now = self._clock.now()
        for subscription in list(self.every.values()):
            if subscription.expires_at <= now:
                self.remove(subscription, tell=False)
            elif self._runs_out(subscription, now):
                subscription.was_warned = True
                self.tell(subscription, "reauthorizationRequired")

    def _runs_out(self, subscription: Subscription, now: datetime) -> bool:
        is_near = subscription.authorized_until - WARN_BEFORE <= now
        return self.need_authorization and is_near and not subscription.was_warned

    def _look_again(self) -> None:
        self.look()
        if self.every:
            self._timers.later(LOOK_EVERY, self._look_again)

    def _announce(self, subscription: Subscription, change: Change) -> None:
        now = self._clock.now()
        notices = [_notice(subscription, change, change.verb)]
        if change.verb != "deleted" and "updated" in subscription.verbs:
            notices += [_notice(subscription, change, "updated")] * self.extra_updates
        for notice in notices:
            if self.need_authorization and subscription.authorized_until <= now:
                subscription.held.append((now, notice))
            else:
                self.notices.add(subscription, notice)


def _head(subscription: Subscription) -> Json:
    return {
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": stamp(subscription.expires_at),
        "clientState": subscription.client_state,
        "tenantId": subscription.user.tenant,
        "resource": subscription.resource,
    }


def _notice(subscription: Subscription, change: Change, verb: str) -> Json:
    plural, title = ("Events", "Event") if change.kind == "event" else ("Contacts", "Contact")
    id_ = change.item.shown_id(immutable=subscription.immutable)
    resource = f"Users/{subscription.user.id}/{plural}/{id_}"
    data = {
        "@odata.type": f"#Microsoft.Graph.{title}",
        "@odata.id": resource,
        "@odata.etag": change.item.etag,
        "id": id_,
    }
    return {
        **_head(subscription),
        "changeType": verb,
        "resource": resource,
        "resourceData": data,
    }
