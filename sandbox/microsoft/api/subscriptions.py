"""https://learn.microsoft.com/en-us/graph/api/resources/subscription"""

import asyncio
from typing import Any

from starlette.responses import Response

from sandbox.microsoft.errors import RefusedError, bad
from sandbox.microsoft.model.subscription import (
    Subscription,
    read_expiry,
    read_resource,
    read_state,
    read_url,
    read_verbs,
)
from sandbox.microsoft.model.subscriptions import Subscriptions

from . import handshake
from .call import Call

Json = dict[str, Any]

SCOPES = {"event": "Calendars", "contact": "Contacts"}
CONTEXT = "$metadata#subscriptions"


class SubscriptionsApi:
    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def create(self, call: Call) -> Response:
        """Creates one, and asks the endpoint while the client still waits for the answer."""
        wanted = self._read(call)
        self._subscriptions.demand_room(wanted)
        for url in filter(None, (wanted.url, wanted.lifecycle_url)):
            await asyncio.to_thread(handshake.shake, url)
        # Somebody may have been faster meanwhile.
        self._subscriptions.demand_room(wanted)
        self._subscriptions.add(wanted)
        # Only here, and never again, it is told its secret.
        return self._one(call, wanted, 201, clientState=wanted.client_state)

    def list(self, call: Call) -> Response:
        mine = [
            subscription.as_graph() for subscription in self._subscriptions.of(call.mailbox.user)
        ]
        return call.answer({"@odata.context": f"{call.base}/{CONTEXT}", "value": mine})

    def show(self, call: Call, subscription: str) -> Response:
        return self._one(call, self._find(call, subscription))

    async def change(self, call: Call, subscription: str) -> Response:
        found, given = self._find(call, subscription), call.json()
        if unknown := set(given) - {"expirationDateTime", "notificationUrl"}:
            raise bad(f"{', '.join(sorted(unknown))} cannot be changed.", "InvalidRequest")
        if "notificationUrl" in given:
            url = read_url(given["notificationUrl"], "notificationUrl")
            await asyncio.to_thread(handshake.shake, url)
            found.url = url
        if "expirationDateTime" in given:
            now = call.mailbox.clock.now()
            wanted = read_expiry(given["expirationDateTime"], now)
            found.expires_at = self._subscriptions.limited(wanted)
            self._subscriptions.authorize(found, call.access.expires_at)
        return self._one(call, found)

    def delete(self, call: Call, subscription: str) -> Response:
        self._subscriptions.remove(self._find(call, subscription), tell=False)
        return Response(status_code=204)

    def reauthorize(self, call: Call, subscription: str) -> Response:
        found = self._find(call, subscription)
        self._subscriptions.authorize(found, call.access.expires_at)
        return Response(status_code=204)

    def _find(self, call: Call, id_: str) -> Subscription:
        return self._subscriptions.find(id_, call.mailbox.user)

    def _read(self, call: Call) -> Subscription:
        given = call.json()
        kind, folder = read_resource(given.get("resource"), call.mailbox)
        if not any(call.access.allows(f"{SCOPES[kind]}.{verb}") for verb in ("Read", "ReadWrite")):
            raise RefusedError(403)
        lifecycle = given.get("lifecycleNotificationUrl")
        wanted = read_expiry(given.get("expirationDateTime"), call.mailbox.clock.now())
        return Subscription(
            user=call.mailbox.user,
            client_id=call.access.grant.client_id,
            kind=kind,
            folder=folder,
            resource=str(given["resource"]),
            verbs=read_verbs(given.get("changeType")),
            url=read_url(given.get("notificationUrl"), "notificationUrl"),
            expires_at=self._subscriptions.limited(wanted),
            authorized_until=call.access.expires_at,
            client_state=read_state(given.get("clientState")),
            lifecycle_url=lifecycle and read_url(lifecycle, "lifecycleNotificationUrl"),
            immutable=call.prefer.immutable,
        )

    def _one(
        self, call: Call, subscription: Subscription, status: int = 200, **more: Any
    ) -> Response:
        context = {"@odata.context": f"{call.base}/{CONTEXT}/$entity"}
        return call.answer({**context, **subscription.as_graph(), **more}, status)
