"""One message of either direction, and how Twilio shows it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.lib.times import iso, now

from .errors import LATER

Json = dict[str, Any]

VERSION = "2010-04-01"
WHATSAPP = "whatsapp:"
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received"})


def new_sid(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True)
class Media:
    """``content`` if the sandbox keeps it itself, else it lies at ``url``."""

    url: str
    content_type: str
    content: bytes = b""
    sid: str = field(default_factory=lambda: new_sid("ME"))


@dataclass
class Message:
    """``form`` is the body of the request as it came."""

    account_sid: str
    to: str
    sender: str | None
    body: str
    status: str
    direction: str = "outbound-api"
    service_sid: str | None = None
    media: tuple[Media, ...] = ()
    segments: int = 1
    status_callback: str = ""
    form: Json = field(default_factory=dict)
    send_at: datetime | None = None
    error_code: int | None = None
    sid: str = ""
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    sent_at: datetime | None = None
    events: list[Json] = field(default_factory=list)
    seen: bool = False

    def __post_init__(self) -> None:
        self.sid = self.sid or new_sid("MM" if self.media else "SM")

    @property
    def outbound(self) -> bool:
        return self.direction != "inbound"

    @property
    def phone(self) -> str:
        return (self.to if self.outbound else self.sender or "").removeprefix(WHATSAPP)

    @property
    def channel(self) -> str:
        return "whatsapp" if self.to.startswith(WHATSAPP) else "sms"

    @property
    def text(self) -> str:
        return self.body or ("(picture)" if self.media else "")

    @property
    def scope(self) -> str:
        """Returns what an opt-out is from: the number, or the service with all of its numbers."""
        return self.service_sid or self.sender or ""

    @property
    def ours(self) -> str:
        """Returns what the product wrote into the query of its StatusCallback."""
        return urlsplit(self.status_callback).query

    @property
    def tags(self) -> dict[str, str]:
        return dict(parse_qsl(self.ours, keep_blank_values=True))

    @property
    def size(self) -> int:
        return 3_000 + 2 * len(self.body) + sum(len(medium.content) for medium in self.media)

    @property
    def uri(self) -> str:
        return f"/{VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}"

    def as_json(self) -> Json:
        return {
            "account_sid": self.account_sid,
            "api_version": VERSION,
            "body": self.body,
            "date_created": _rfc(self.created_at),
            "date_sent": _rfc(self.sent_at),
            "date_updated": _rfc(self.updated_at),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": explain(self.error_code),
            "from": self.sender,
            "messaging_service_sid": self.service_sid,
            "num_media": str(len(self.media)),
            "num_segments": str(self.segments if self.sender else 0),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{self.uri}/Media.json"},
            "to": self.to,
            "uri": f"{self.uri}.json",
        }

    def in_full(self) -> Json:
        """Returns the control API's view: also what the API does not show."""
        return {
            **self.as_json(),
            "created_at": iso(self.created_at),
            "channel": self.channel,
            "status_callback": self.status_callback,
            "tags": self.tags,
            "media": [
                {"url": medium.url, "content_type": medium.content_type} for medium in self.media
            ],
            "request": self.form,
            "events": self.events,
            "seen": self.seen,
        }


def explain(code: int | None) -> str | None:
    return None if code is None else LATER.get(code, "Unknown error")


def _rfc(moment: datetime | None) -> str | None:
    """``Thu, 24 Aug 2023 05:01:45 +0000``"""
    return format_datetime(moment) if moment else None
