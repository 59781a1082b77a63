"""watch -> sync message -> a push per change -> stop, or its end.

https://developers.google.com/workspace/calendar/api/guides/push
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.google.errors import CalendarRefusedError
from sandbox.lib.clock import Clock
from sandbox.lib.state import Timers
from sandbox.webhooks.courier import Attempt
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.webhook import Delivery, Manners

Json = dict[str, Any]

CHANNEL_ID = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
MAX_TOKEN = 256
LONGEST = timedelta(days=7)
POSTED_AS: Mapping[str, str] = {
    "user-agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google)",
    "content-type": "application/json; charset=UTF-8",
    "accept": "*/*",
}
# Google does not say when, only that the waits grow.
RETRY_AFTER = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TRIED_AGAIN = frozenset({500, 502, 503, 504})
HERE = ("127.0.0.1", "localhost", "::1")


@dataclass
class Push(Delivery):
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Channel:
    id: str
    account: str
    # The calendar, or the list of calendars.
    resource: str
    resource_id: str
    resource_uri: str
    address: str
    token: str
    created_at: datetime
    expires_at: datetime
    number: int = 0

    def as_json(self) -> Json:
        """Returns it as the API answers it."""
        shown = {
            "kind": "api#channel",
            "id": self.id,
            "resourceId": self.resource_id,
            "resourceUri": self.resource_uri,
            "expiration": str(int(self.expires_at.timestamp() * 1000)),
        }
        return shown | ({"token": self.token} if self.token else {})


def manners() -> Manners:
    return Manners(
        sign=lambda delivery, _: _headers(delivery),
        forge=lambda delivery, _: _headers(delivery) | {"X-Goog-Channel-Token": "forged"},
        headers=POSTED_AS,
        retry_after=RETRY_AFTER,
        tries_again=_tries_again,
    )


def _headers(delivery: Delivery) -> dict[str, str]:
    return dict(delivery.headers) if isinstance(delivery, Push) else {}


def _tries_again(_: Delivery, attempt: Attempt) -> bool:
    return attempt.status is None or attempt.status in TRIED_AGAIN


class Channels:
    KEPT = ("_live", "_used", "_timers")

    def __init__(self, deliveries: Deliveries, clock: Clock) -> None:
        # From a change to its push.
        self.delay = 0.0
        self._deliveries = deliveries
        self._clock = clock
        self._live: dict[str, Channel] = {}
        # An id is used once.
        self._used: set[str] = set()
        self._timers = Timers()

    def watch(self, given: Json, *, account: str, resource: str, uri: str) -> Channel:
        _check(given)
        if given["id"] in self._used:
            raise CalendarRefusedError("channelIdNotUnique", f"Channel id {given['id']} not unique")
        now = self._clock.now()
        channel = Channel(
            id=given["id"],
            account=account,
            resource=resource,
            resource_id=_resource_id(account, resource),
            resource_uri=uri,
            address=given["address"],
            token=given.get("token") or "",
            created_at=now,
            expires_at=_end(given, now),
        )
        self._used.add(channel.id)
        self._live[channel.id] = channel
        self._push(channel, "sync")
        return channel

    def stop(self, given: Json, account: str) -> None:
        channel = self._live.get(str(given.get("id")))
        known = channel is not None and channel.resource_id == given.get("resourceId")
        if channel is None or not known or channel.account != account:
            message = f"Channel '{given.get('id')}' not found for project 'sandbox'"
            raise CalendarRefusedError("notFound", message)
        del self._live[channel.id]

    def changed(self, resource: str) -> None:
        for channel in self.live():
            if channel.resource == resource:
                self._timers.later(self.delay, self._tell, channel)

    def live(self) -> list[Channel]:
        now = self._clock.now()
        self._live = {
            channel.id: channel for channel in self._live.values() if channel.expires_at > now
        }
        return list(self._live.values())

    def clear(self) -> None:
        self._timers.clear()
        self._live.clear()
        self._used.clear()

    def _tell(self, channel: Channel) -> None:
        if channel.expires_at > self._clock.now():
            self._push(channel, "exists")

    def _push(self, channel: Channel, state: str) -> None:
        channel.number += 1 if state == "sync" else 1 + secrets.randbelow(3)
        headers = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Message-Number": str(channel.number),
            "X-Goog-Resource-ID": channel.resource_id,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": channel.resource_uri,
            "X-Goog-Channel-Expiration": format_datetime(
                channel.expires_at.astimezone(UTC), usegmt=True
            ),
        }
        if channel.token:
            headers["X-Goog-Channel-Token"] = channel.token
        push = Push(
            kind=f"calendar.{state}",
            about=channel.id,
            body=b"",
            whom=channel.resource,
            target=channel.address,
            headers=headers,
        )
        self._deliveries.publish(push)


def _check(given: Json) -> None:
    for name in ("id", "type", "address"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise CalendarRefusedError("required", location=f"entity.{name}")
    fits = {
        "id": CHANNEL_ID.fullmatch(given["id"]),
        "type": given["type"] in ("web_hook", "webhook"),
        "token": len(given.get("token") or "") <= MAX_TOKEN,
    }
    for name, fit in fits.items():
        if not fit:
            raise CalendarRefusedError("invalid", location=f"entity.{name}")
    address = urlsplit(given["address"])
    if address.scheme != "https" and address.hostname not in HERE:
        message = f"WebHook callback must be HTTPS: {given['address']}"
        raise CalendarRefusedError("push.webhookUrlNotHttps", message)


def _end(given: Json, now: datetime) -> datetime:
    """What was asked for, if that is less than Google grants."""
    try:
        if given.get("expiration"):
            wanted = datetime.fromtimestamp(int(given["expiration"]) / 1000, tz=UTC)
        else:
            seconds = (given.get("params") or {}).get("ttl") or LONGEST.total_seconds()
            wanted = now + timedelta(seconds=int(seconds))
    except (TypeError, ValueError, OverflowError):
        raise CalendarRefusedError("invalid", location="entity.expiration") from None
    if wanted <= now:
        raise CalendarRefusedError("invalid", "Invalid expiration.", location="entity.expiration")
    return min(wanted, now + LONGEST)


def _resource_id(account: str, resource: str) -> str:
    """The same for every channel that watches the same thing."""
    return hashlib.sha256(f"{account} {resource}".encode()).hexdigest()[:27]
