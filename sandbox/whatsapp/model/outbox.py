"""change -> (together with others) -> one body -> webhook.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.lib.faults import Faults
from sandbox.lib.state import Timers
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.signing import hub_headers
from sandbox.webhooks.webhook import Delivery, Manners

from .message import Event, Json

POSTED_AS: Mapping[str, str] = {
    "user-agent": "facebookexternalua",
    "content-type": "application/json",
    "accept": "*/*",
}
# Less and less often, for seven days. Meta does not say when exactly.
RETRY_AFTER = (2, 10, 60, 300, 1800, 7200, 21_600, 86_400, 172_800, 259_200)
# Arrays of one field's value that Meta fills with several items.
ARRAYS = ("contacts", "messages", "statuses", "user_preferences", "errors")


def manners(secret_of: Callable[[], str]) -> Manners:
    return Manners(
        sign=lambda delivery, _: hub_headers(secret_of(), delivery.body),
        forge=lambda delivery, _: hub_headers("not the secret", delivery.body),
        headers=POSTED_AS,
        retry_after=RETRY_AFTER,
    )


@dataclass(frozen=True)
class Change:
    """``event`` learns the webhook it went out with."""

    field: str
    value: Json
    kind: str
    about: str
    whom: str = ""
    event: Event | None = None


class Outbox:
    KEPT = ("_pending", "_timers", "_told_at")

    def __init__(self, deliveries: Deliveries, faults: Faults, account_id: str) -> None:
        self._deliveries = deliveries
        self._faults = faults
        self._account_id = account_id
        self._timers = Timers()
        self._pending: list[Change] = []
        self._told_at = 0

    @property
    def url(self) -> str:
        return self._deliveries.url

    def publish(self, change: Change) -> None:
        fault = self._faults.active("webhook_batch", change.kind)
        if fault is None:
            self._post([change])
            return
        self._pending.append(change)
        if len(self._pending) >= fault["size"]:
            self.flush()
        elif len(self._pending) == 1:
            self._timers.later(fault["seconds"], self.flush)

    def flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending:
            self._post(pending)

    def faults_changed(self) -> None:
        if not self._faults.is_on("webhook_batch"):
            self.flush()
        self._deliveries.faults_changed()

    def clear(self) -> None:
        self._timers.clear()
        self._pending.clear()

    def _post(self, changes: Sequence[Change]) -> None:
        first = changes[0]
        together = len(changes) > 1
        entry: Json = {"id": self._account_id, "changes": merged(changes)}
        if any(is_of_account(change) for change in changes):
            entry = {"id": self._account_id, "time": self._time(), "changes": entry["changes"]}
        delivery = Delivery(
            kind="batch" if together else first.kind,
            about="" if together else first.about,
            body=encoded({"object": "whatsapp_business_account", "entry": [entry]}),
            whom=f"{len(changes)} items" if together else first.whom,
        )
        # A batch has a lane of its own.
        delivery.about = delivery.about or delivery.id
        for change in changes:
            if change.event is not None:
                change.event.delivery = delivery
        self._deliveries.publish(delivery)

    def _time(self) -> int:
        """Returns the unix seconds of a change of the account, later than that of the one before.

        Meta writes the time there: a template that is paused a second time is another body.
        https://developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components
        """
        self._told_at = max(int(time.time()), self._told_at + 1)
        return self._told_at


def is_of_account(change: Change) -> bool:
    """Whether a change is the account's, a number's or a template's: not a message's."""
    return "metadata" not in change.value


def merged(changes: Sequence[Change]) -> list[Json]:
    """Merges items of one field, which share a value; their order stays."""
    found: dict[str, Json] = {}
    for place, change in enumerate(changes):
        shared = "metadata" in change.value
        key = change.field if shared else f"{change.field} {place}"
        value = found.setdefault(key, {"value": {}, "field": change.field})["value"]
        for name, content in change.value.items():
            if name in ARRAYS and name in value:
                value[name] = [*value[name], *content]
            else:
                value[name] = content
    return list(found.values())


def encoded(body: Json) -> bytes:
    r"""Encodes as Meta does: no spaces, ``\u00e4`` for what is not ASCII and ``\/`` for a slash."""
    text = json.dumps(body, separators=(",", ":"))
    return re.sub("/", r"\\/", text).encode()


def account_change(field: str, value: Json, about: str) -> Change:
    """Returns a change of the account, a number or a template: not of a message."""
    return Change(field, value, kind=field, about=about, whom=about)
