"""notification -> (together with others for the same address) -> one body -> webhook.

https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks
"""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.lib.state import Timers
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.webhook import Delivery, Manners

from .subscription import Subscription

Json = dict[str, Any]

POSTED_AS: Mapping[str, str] = {"content-type": "application/json; charset=utf-8"}
# Less and less often, for four hours. Microsoft does not say when exactly.
RETRY_AFTER = (5, 15, 60, 180, 600, 1200, 2400, 3600, 6000)
# An answer that takes longer is none.
ANSWER_WITHIN = 3.0
MAX_BATCH = 100

MANNERS = Manners(
    sign=lambda _delivery, _: {},
    forge=lambda _delivery, _: {},
    forged_body=lambda delivery: forged(delivery.body),
    headers=POSTED_AS,
    retry_after=RETRY_AFTER,
    answer_within=ANSWER_WITHIN,
)


class Notices:
    KEPT = ("_pending", "_timers")

    def __init__(self, deliveries: Deliveries) -> None:
        # How long it takes until they are posted; meanwhile others join.
        self.delay = 1.0
        self._deliveries = deliveries
        self._timers = Timers()
        self._pending: dict[str, list[tuple[str, str, Json]]] = {}

    def add(self, subscription: Subscription, notice: Json, *, lifecycle: str = "") -> None:
        kind = f"lifecycle.{lifecycle}" if lifecycle else f"{subscription.kind}s"
        url = subscription.lifecycle_url if lifecycle else subscription.url
        url = url or subscription.url
        waiting = self._pending.setdefault(url, [])
        waiting.append((kind, subscription.user.address, notice))
        if len(waiting) == 1:
            self._timers.later(self.delay, self._flush, url)

    def clear(self) -> None:
        self._timers.clear()
        self._pending.clear()

    def _flush(self, url: str) -> None:
        waiting = self._pending.pop(url, [])
        for first in range(0, len(waiting), MAX_BATCH):
            self._post(url, waiting[first : first + MAX_BATCH])

    def _post(self, url: str, waiting: list[tuple[str, str, Json]]) -> None:
        kinds, whom = {kind for kind, _, _ in waiting}, {who for _, who, _ in waiting}
        delivery = Delivery(
            kind=kinds.pop() if len(kinds) == 1 else "batch",
            about="",
            body=json.dumps({"value": [notice for _, _, notice in waiting]}).encode(),
            whom=whom.pop() if len(whom) == 1 else f"{len(waiting)} items",
            target=url,
        )
        # Nothing is said about their order: each has a lane of its own.
        delivery.about = delivery.id
        self._deliveries.publish(delivery)


def forged(body: bytes) -> bytes:
    """Returns one as somebody would post it who does not know the secrets."""
    given = json.loads(body)
    for notice in given["value"]:
        notice["clientState"] = "not the secret"
    return json.dumps(given).encode()
