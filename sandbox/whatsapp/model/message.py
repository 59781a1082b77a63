"""One message sent and one received."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.lib.times import iso, now
from sandbox.webhooks.webhook import Delivery

from .people import is_hidden, new_wamid, wa_id

Json = dict[str, Any]


@dataclass
class Event:
    """``delivery`` is missing while it waits to be posted together with others."""

    status: str
    at: datetime
    error_code: int | None = None
    delivery: Delivery | None = None

    def as_json(self) -> Json:
        return {"type": self.status, "at": iso(self.at), "error_code": self.error_code}


@dataclass
class Sent:
    """``request`` is the body of the request as it came."""

    phone: str
    to: str
    type: str
    text: str
    request: Json
    category: str = "service"
    buttons: tuple[str, ...] = ()
    id: str = ""
    status: str = "accepted"
    error_code: int | None = None
    created_at: datetime = field(default_factory=now)
    events: list[Event] = field(default_factory=list)
    seen: bool = False
    channel = "whatsapp"
    outbound = True

    def __post_init__(self) -> None:
        self.id = self.id or new_wamid(self.phone, ours=True)

    @property
    def ours(self) -> str:
        """Returns what the product asked to be told again with every status."""
        return str(self.request.get("biz_opaque_callback_data", ""))

    @property
    def size(self) -> int:
        return 4_000 + 2 * len(self.text)

    def in_full(self) -> Json:
        return {
            "id": self.id,
            "direction": "outbound",
            "to": self.to,
            "wa_id": None if is_hidden(self.phone) else wa_id(self.phone),
            "type": self.type,
            "text": self.text,
            "category": self.category,
            "buttons": list(self.buttons),
            "status": self.status,
            "error_code": self.error_code,
            "biz_opaque_callback_data": self.ours,
            "created_at": iso(self.created_at),
            "events": [event.as_json() for event in self.events],
            "request": self.request,
            "seen": self.seen,
        }


@dataclass
class Received:
    """``contents`` is what stands in the webhook under the message's type, ``extra`` beside it."""

    phone: str
    name: str
    type: str
    text: str
    contents: Json
    extra: Json = field(default_factory=dict)
    # The business's own id of the person, of whom the number is shown as well.
    user_id: str = ""
    id: str = ""
    read_by_business: bool = False
    created_at: datetime = field(default_factory=now)
    seen: bool = True
    channel = "whatsapp"
    outbound = False

    def __post_init__(self) -> None:
        self.id = self.id or new_wamid(self.phone, ours=False)

    @property
    def size(self) -> int:
        return 3_000 + 2 * len(self.text)

    def in_full(self) -> Json:
        return {
            "id": self.id,
            "direction": "inbound",
            "from": self.phone,
            "name": self.name,
            "type": self.type,
            "text": self.text,
            "status": "read" if self.read_by_business else "received",
            "contents": self.contents,
            "created_at": iso(self.created_at),
        }
