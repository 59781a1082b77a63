"""What a request to send must look like, and what its reader will see.

The official schema cannot be used for this: it refuses half of its own examples (indexes from 0,
numbers in locations, ``biz_opaque_callback_data``).
https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.whatsapp.errors import RefusedError
from sandbox.whatsapp.model.people import is_hidden, phone

from . import shapes

Json = dict[str, Any]

MAX_BODY = 4096
MAX_CAPTION = 1024
MAX_OURS = 512
MAX_BUTTONS = 3
MAX_TITLE = 20
TYPES = (
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction",
    "interactive", "template",
)  # fmt: skip


def check(given: Json) -> str:
    """Returns the phone it is for. Raises what Meta would answer to the first mistake found."""
    if given.get("messaging_product") != "whatsapp":
        raise RefusedError(100, message="(#100) The parameter messaging_product is required.")
    _check_fields(given)
    kind = given.setdefault("type", "text")
    shapes.check({name: value for name, value in given.items() if value is not None})
    if kind not in TYPES:
        raise RefusedError(
            100, message=f"(#100) Param type must be one of {{{', '.join(TYPES).upper()}}}"
        )
    content = given.get(kind)
    if not content:
        raise RefusedError(131008, f"Parameter {kind} is mandatory for type {kind}")
    CONTENTS[kind](content)
    return _recipient(given)


def _check_fields(given: Json) -> None:
    ours = given.get("biz_opaque_callback_data", "")
    if not isinstance(ours, str) or len(ours) > MAX_OURS:
        raise RefusedError(
            100,
            message="(#100) Param biz_opaque_callback_data must be at most 512 characters long.",
        )
    if given.get("recipient_type", "individual") != "individual":
        raise RefusedError(131009, "recipient_type: groups are not enabled for this number")


def _recipient(given: Json) -> str:
    """A number in ``to``; an id of a person, who may hide the number, in ``recipient``."""
    to, recipient = given.get("to"), given.get("recipient")
    if not to and not recipient:
        raise RefusedError(100, message="(#100) The parameter to is required.")
    given_as = to or recipient
    found = phone(given_as) if isinstance(given_as, str) else None
    if found is None or is_hidden(found) is bool(to):
        where = "to: is not a phone number" if to else "recipient: is not a user id"
        raise RefusedError(131009, where)
    return found


def _text(content: Json) -> None:
    body = content.get("body")
    if not body or not body.strip():
        raise RefusedError(100, message="(#100) The parameter text['body'] is required.")
    if len(body) > MAX_BODY:
        raise RefusedError(
            100, message="(#100) Param text['body'] must be at most 4096 characters long."
        )


def _media(content: Json) -> None:
    if bool(content.get("id")) == bool(content.get("link")):
        raise RefusedError(131009, "Either id or link is needed, and not both")
    if len(content.get("caption", "")) > MAX_CAPTION:
        raise RefusedError(131009, "caption: at most 1024 characters")


def _reaction(content: Json) -> None:
    if not content.get("message_id") or "emoji" not in content:
        raise RefusedError(131008, "reaction: message_id and emoji are needed")


def _location(content: Json) -> None:
    try:
        latitude, longitude = float(content["latitude"]), float(content["longitude"])
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(131008, "location: latitude and longitude are needed") from error
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # noqa: PLR2004 (degrees)
        raise RefusedError(131009, "location: there is no such place")


def _interactive(content: Json) -> None:
    action = content.get("action")
    if "type" not in content or action is None:
        raise RefusedError(131008, "interactive: type and action are needed")
    buttons = action.get("buttons", [])
    if content["type"] == "button" and not 1 <= len(buttons) <= MAX_BUTTONS:
        raise RefusedError(131009, "Invalid buttons count. Min allowed buttons: 1, Max: 3")
    for button in buttons:
        title = button.get("reply", {}).get("title", "")
        if not 1 <= len(title) <= MAX_TITLE:
            raise RefusedError(131009, f"Button title length invalid. Min: 1, Max: {MAX_TITLE}")


def _template(content: Json) -> None:
    if not content.get("name") or not content.get("language", {}).get("code"):
        raise RefusedError(131008, "template: name and language.code are needed")


def _contacts(content: list[Json]) -> None:
    if not all(entry.get("name", {}).get("formatted_name") for entry in content):
        raise RefusedError(131009, "contacts: each needs a name with formatted_name")


CONTENTS: Mapping[str, Callable[[Any], None]] = {
    "contacts": _contacts,
    "text": _text,
    "image": _media,
    "video": _media,
    "audio": _media,
    "document": _media,
    "sticker": _media,
    "location": _location,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
}
