"""Subscriptions to changes.

https://learn.microsoft.com/en-us/graph/api/resources/subscription
https://learn.microsoft.com/en-us/graph/change-notifications-lifecycle-events
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from calendars.providers.base import Changed, Gone, Mailbox, SubscriptionExists, Vendor
from calendars.providers.microsoft.calls import GraphCalls, graph_path
from calendars.providers.responses import (
    page_items,
    parse_instant,
)
from calendars.vocabulary.events import (
    PushNotification,
    RemoteSubscription,
)
from wedsync_comms.lib.errors import MalformedRequest, PermanentError, TransientError
from wedsync_comms.lib.outside_json import read_json
from wedsync_comms.lib.shapes import as_dicts, as_text
from wedsync_comms.lib.web.webhook_request import WebhookRequest

PEOPLE = "people"
CHANGES = "created,updated,deleted"
# A little under the 10,080 minutes that are allowed: clocks differ.
LIFETIME = timedelta(minutes=10_070)
# Some tenants allow less, and say how much.
# https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/7726
LIMIT = re.compile(r"can only be (\d{1,6}) minutes")
MARGIN = timedelta(minutes=10)
LIFECYCLE = {
    "reauthorizationRequired": "reauthorize",
    "subscriptionRemoved": "removed",
    "missed": "missed",
}
EXISTING = re.compile(r"Subscription Id <?([0-9A-Za-z-]{8,})>?")
CONFLICT = 409


class GraphSubscriptions(Mailbox):
    calls: GraphCalls

    def subscribe(self, resource: str, *, id: str, url: str, secret: str) -> RemoteSubscription:  # noqa: A002, ARG002
        """Subscribes. Graph asks `url` for a sign of life before this returns, and gives the id.

        Raises OutcomeUnknown where the answer was lost: if it came to be, the next try is told of
        it as existing.
        """
        body = {
            "changeType": CHANGES,
            "notificationUrl": url,
            # It cannot be added later.
            "lifecycleNotificationUrl": url,
            "resource": graph_resource(resource),
            "clientState": secret,
        }
        try:
            return self.subscribed(body, LIFETIME)
        except PermanentError as error:
            shorter = allowed_lifetime(error)
        return self.subscribed(body, shorter)

    def subscribed(self, body: Mapping[str, Any], lifetime: timedelta) -> RemoteSubscription:
        try:
            return graph_subscription(
                self.calls.run(
                    "POST", "/subscriptions", json=with_expiration(body, lifetime), is_safe=False
                )
            )
        except Changed as error:
            exists = SubscriptionExists(str(error), code=error.code, response=error.response)
            exists.existing = self.existing(str(error), str(body["resource"]))
            raise exists from error

    def existing(self, message: str, resource: str) -> str:
        """Returns its id from the refusal; if that names none, from the list of all."""
        if match := EXISTING.search(message):
            return match[1]
        alike = [
            as_text(item.get("id"))
            for item in page_items(self.calls.run("GET", "/subscriptions"), "value")
            if as_text(item.get("resource")).strip("/") == resource.strip("/")
        ]
        return next(iter(alike), "")

    def renew(self, push: RemoteSubscription) -> RemoteSubscription:
        """Renews as well the permission under which Graph delivers, which ends with our token."""
        try:
            return self.extend(push, LIFETIME)
        except PermanentError as error:
            shorter = allowed_lifetime(error)
        return self.extend(push, shorter)

    def extend(self, before: RemoteSubscription, lifetime: timedelta) -> RemoteSubscription:
        return graph_subscription(
            self.calls.run(
                "PATCH", graph_path("subscriptions", before.id), json=with_expiration({}, lifetime)
            )
        )

    def unsubscribe(self, push: RemoteSubscription) -> None:
        try:
            self.calls.run("DELETE", graph_path("subscriptions", push.id))
        except Gone:
            return


def allowed_lifetime(error: PermanentError) -> timedelta:
    """Returns how long a subscription may last; raises the error if it says nothing about that."""
    match = LIMIT.search(str(error))
    if not match:
        raise error
    return timedelta(minutes=int(match[1])) - MARGIN


def graph_resource(resource: str) -> str:
    """Returns it as Graph writes it: no address, so nothing in it is quoted."""
    return "/me/contacts" if resource == PEOPLE else f"/me/calendars/{resource}/events"


def with_expiration(body: Mapping[str, Any], lifetime: timedelta) -> dict[str, Any]:
    until = datetime.now(UTC) + lifetime
    return {**body, "expirationDateTime": until.isoformat(timespec="seconds")}


def graph_subscription(answer: Mapping[str, Any]) -> RemoteSubscription:
    return RemoteSubscription(
        id=as_text(answer.get("id")), expires_at=parse_instant(answer.get("expirationDateTime"))
    )


# --- what arrives -------------------------------------------------------------------------------


def notification_list(request: WebhookRequest) -> Any:
    try:
        body = read_json(request.body)
    except ValueError:
        return None
    return body.get("value") if isinstance(body, dict) else None


def notification_meaning(notification: Mapping[str, Any]) -> str:
    """Returns what it means; a lifecycle event unknown to us may mean that we missed something."""
    event = as_text(notification.get("lifecycleEvent"))
    return LIFECYCLE.get(event, "missed") if event else "changed"


def notification_expiration(notification: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_instant(notification["subscriptionExpirationDateTime"])
    except (KeyError, TransientError):
        return None


class MicrosoftNotifications(Vendor):
    """What Graph posts to us."""

    def recognizes(self, request: WebhookRequest) -> bool:
        return isinstance(notification_list(request), list)

    def pushed(self, request: WebhookRequest) -> Iterator[PushNotification]:
        """Reads them; a bad one among them keeps nobody from the good ones."""
        value = notification_list(request)
        if not isinstance(value, list):
            raise MalformedRequest("The body has no list of notifications.")
        for item in as_dicts(value):
            if subscription := as_text(item.get("subscriptionId")):
                yield PushNotification(
                    subscription=subscription,
                    secret=as_text(item.get("clientState")),
                    what=notification_meaning(item),
                    expires_at=notification_expiration(item),
                )
