"""Messages of every type a person may send, with what is left out filled in."""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.lib.state import Shelf
from sandbox.lib.times import now

from . import people, showing
from .message import Json, Received

# type -> what stands under it if the control API does not say
USUAL: Mapping[str, Any] = {
    "text": {"body": "Hello"},
    "image": {"mime_type": "image/jpeg"},
    "video": {"mime_type": "video/mp4"},
    "audio": {"mime_type": "audio/ogg; codecs=opus", "voice": True},
    "document": {"mime_type": "application/pdf", "filename": "guest list.pdf"},
    "sticker": {"mime_type": "image/webp", "animated": False},
    "location": {
        "latitude": 51.178882,
        "longitude": -1.826215,
        "name": "Rosewood Barn",
        "address": "Rose Lane, Salisbury",
    },
    "contacts": [
        {
            "name": {"formatted_name": "Amelia Whitfield", "first_name": "Amelia"},
            "phones": [{"phone": "+44 7700 900123", "wa_id": "447700900123", "type": "CELL"}],
        }
    ],
    "button": {"payload": "I will be there", "text": "I will be there"},
    "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}},
    "reaction": {"emoji": "❤"},
    "order": {
        "catalog_id": "194836987003835",
        "text": "",
        "product_items": [
            {"product_retailer_id": "roses", "quantity": 2, "item_price": 30, "currency": "GBP"}
        ],
    },
    "system": {
        "type": "user_changed_number",
        "body": "User Guest changed from 447700900123 to 447700900124",
        "wa_id": "447700900124",
    },
    # Both are about an earlier message, which the control API names.
    "edit": {
        "original_message_id": "",
        "message": {"type": "text", "text": {"body": "Hello again"}},
    },
    "revoke": {"original_message_id": ""},
}
MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})
# One white pixel.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")


@dataclass(frozen=True)
class File:
    mime_type: str
    content: bytes
    id: str = field(default_factory=lambda: str(secrets.randbelow(9 * 10**15) + 10**15))

    @property
    def sha256(self) -> str:
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


def compose(given: Json, files: Shelf[File]) -> tuple[Received, str]:
    """Returns the message and what it answers. A ValueError says what is wrong."""
    sender = given.get("from") or given.get("user_id")
    phone = people.phone(sender) if isinstance(sender, str) else None
    if phone is None:
        raise ValueError("from is a number such as +447700900123; user_id one such as GB.1349.")
    user_id, extra = given.get("user_id", ""), given.get("extra", {})
    if not isinstance(user_id, str) or not isinstance(extra, dict):
        raise ValueError("user_id is a text, extra an object of further fields.")  # noqa: TRY004
    kind = given.get("type", "text")
    if not isinstance(kind, str) or not kind:
        raise ValueError("type is a text such as text, image or button.")
    contents = _contents(kind, given, files)
    received = Received(
        phone=phone,
        name=str(given.get("name", "Guest")),
        type=kind,
        text=showing.seen(kind, contents.get(kind)),
        contents=contents,
        extra=extra,
        user_id=user_id if given.get("from") else "",
    )
    return received, str(given.get("reply_to", ""))


def echo(given: Json, phone_number: str) -> Json:
    """Returns what somebody of the business wrote with the app: an entry of ``message_echoes``."""
    to = given.get("to")
    whom = people.phone(to) if isinstance(to, str) else None
    if whom is None:
        raise ValueError("to is a number such as +447700900123, or an id such as GB.1349.")
    kind = str(given.get("type", "text"))
    known = {"to_user_id": whom} if people.is_hidden(whom) else {"to": people.wa_id(whom)}
    return {
        "from": phone_number,
        **known,
        "id": str(given.get("id") or people.new_wamid(whom, ours=True)),
        "timestamp": str(int(now().timestamp())),
        "type": kind,
        **_contents(kind, given, Shelf()),
        **given.get("extra", {}),
    }


def _contents(kind: str, given: Json, files: Shelf[File]) -> Json:
    usual, own = USUAL.get(kind), given.get(kind)
    if kind == "text" and isinstance(own, str):
        own = {"body": own}
    if own is not None and usual is not None and not isinstance(own, type(usual)):
        raise ValueError(f"{kind} must be like {usual!r}.")
    # What the sandbox does not know goes out as it was given.
    content: Any = {**(usual or {}), **own} if isinstance(own, dict) else own or usual
    if kind in MEDIA and "id" not in content:
        content = _filed(content, files)
    return {} if content is None else {kind: content}


def _filed(content: Json, files: Shelf[File]) -> Json:
    """Keeps the file, to be fetched by its id."""
    shown = {name: value for name, value in content.items() if name != "content"}
    try:
        data = base64.b64decode(content.get("content", ""), validate=True) or PIXEL
    except (binascii.Error, TypeError) as error:
        raise ValueError("content is base64.") from error
    file = File(str(content["mime_type"]), data)
    files.put(file.id, file, len(data))
    return {**shown, "sha256": file.sha256, "id": file.id}
