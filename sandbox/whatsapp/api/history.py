"""What happened to a message, and whether the webhook heard of it, as Graph tells it later."""

from zlib import crc32

from sandbox.webhooks.webhook import Delivery
from sandbox.whatsapp.errors import later
from sandbox.whatsapp.model.message import Event, Json, Sent

# How a webhook is doing, in the words of this endpoint.
HEARD = {"delivered": "DELIVERED", "failed": "FAILED", "retrying": "RETRYING"}


def show(sent: Sent, fields: str, url: str) -> Json:
    shown: Json = {"id": _id(sent.id), "message_id": sent.id}
    if "events" in fields:
        events = [_event(sent, place, event, url) for place, event in enumerate(sent.events)]
        shown["events"] = {"data": events}
    return shown


def _event(sent: Sent, place: int, event: Event, url: str) -> Json:
    shown: Json = {
        "id": _id(f"{sent.id} {place}"),
        "delivery_status": event.status.upper(),
        "timestamp": int(event.at.timestamp()),
        "webhook_update_state": _heard(event.delivery),
        "application": {"id": "1053500000000001"},
    }
    if url:
        shown["webhook_uri"] = url
    if event.error_code is not None:
        shown["error_description"] = later(event.error_code)["title"]
    return shown


def _heard(delivery: Delivery | None) -> str:
    return HEARD.get(delivery.state, "PENDING") if delivery else "PENDING"


def _id(of: str) -> str:
    """Always the same number for the same thing."""
    return str(10**15 + crc32(of.encode()))
