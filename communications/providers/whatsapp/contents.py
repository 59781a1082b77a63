"""A message of whatever type -> its words, what they cannot hold, and its file.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from communications.vocabulary import contents
from communications.vocabulary.events import Media
from wedsync_comms.lib.outside_json import as_storable
from wedsync_comms.lib.shapes import as_dict, as_dicts

MEDIA = ("image", "video", "audio", "document", "sticker")
# Of messages that somebody sent and WhatsApp does not pass on.
NOT_PASSED_ON = "They sent something that WhatsApp does not pass on to businesses"
# A form's own id for the answer, which means nothing to people.
FLOW_TOKEN = "flow_token"  # noqa: S105 (the name of a field)


@dataclass(frozen=True)
class Contents:
    text: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    media: tuple[Media, ...] = ()


def read_contents(message: Mapping[str, Any]) -> Contents:
    """Returns what a person would read of a message, and the rest of it as JSON with its `kind`."""
    kind = str(message.get("type") or "unknown")
    read = READERS.get(kind, other_contents)
    found = read(message, kind)
    beside = dict(beside_the_text(message))
    if not beside:
        return found
    return Contents(found.text, {"kind": kind, **found.content, **beside}, found.media)


def beside_the_text(message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields what any message may carry: that it was passed on, the advertisement it came from."""
    context = as_dict(message.get("context"))
    if context.get("forwarded") or context.get("frequently_forwarded"):
        yield "forwarded", True
    if product := as_dict(context.get("referred_product")):
        yield "product", as_storable(product)
    if referral := as_dict(message.get("referral")):
        yield "referral", as_storable(referral)


def plain_text(message: Mapping[str, Any], kind: str) -> Contents:
    value = as_dict(message.get(kind))
    return Contents(str(value.get("body") or value.get("text") or ""))


def button_contents(message: Mapping[str, Any], kind: str) -> Contents:
    value = as_dict(message.get(kind))
    text, payload = str(value.get("text") or ""), str(value.get("payload") or "")
    return Contents(text or payload, {"kind": kind, "payload": as_storable(payload)})


def media_contents(message: Mapping[str, Any], kind: str) -> Contents:
    """Meta gives an id, which its media endpoint turns into a link that works for minutes."""
    value = as_dict(message.get(kind))
    file = Media(
        url=str(value.get("id") or ""),
        content_type=str(value.get("mime_type") or ""),
        name=str(value.get("filename") or "")[:255],
    )
    return Contents(str(value.get("caption") or ""), media=(file,) if value else ())


def interactive_contents(message: Mapping[str, Any], kind: str) -> Contents:
    value = as_dict(message.get(kind))
    chosen = str(value.get("type") or "")
    answer = as_dict(value.get(chosen))
    if chosen == "nfm_reply":
        return flow_contents(answer)
    text = str(answer.get("title") or "") or contents.readable_lines(answer)
    return Contents(text, {"kind": chosen or kind, **as_storable(answer)})


def flow_contents(answer: Mapping[str, Any]) -> Contents:
    """A form that somebody filled in: https://developers.facebook.com/docs/whatsapp/flows"""
    raw = answer.get("response_json")
    try:
        fields = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        fields = raw
    if not isinstance(fields, dict):
        fields = {} if fields is None else {"answer": fields}
    shown = {name: value for name, value in fields.items() if name != FLOW_TOKEN}
    text = contents.readable_lines(shown) or str(answer.get("body") or "")
    named = {"name": str(answer["name"])} if answer.get("name") else {}
    return Contents(text, as_storable({"kind": "flow", **named, "fields": shown}))


def location_contents(message: Mapping[str, Any], kind: str) -> Contents:
    place = contents.location(as_dict(message.get(kind)))
    return Contents(contents.location_text(place), place)


def card_contents(message: Mapping[str, Any], kind: str) -> Contents:
    cards = [contents.contact_card(card) for card in as_dicts(message.get(kind))]
    text = "\n\n".join(contents.card_text(card) for card in cards)
    return Contents(text, {"kind": "contacts", "contacts": cards})


def order_contents(message: Mapping[str, Any], kind: str) -> Contents:
    found = contents.order(as_dict(message.get(kind)))
    return Contents(contents.order_text(found), found)


def unsupported_contents(message: Mapping[str, Any], kind: str) -> Contents:
    error = next(iter(as_dicts(message.get("errors"))), {})
    what = str(as_dict(message.get(kind)).get("type") or "")
    why = str(as_dict(error.get("error_data")).get("details") or error.get("title") or "")
    text = f"{NOT_PASSED_ON} ({what})." if what else f"{NOT_PASSED_ON}."
    return Contents(text, as_storable({"kind": kind, "type": what, "reason": why}))


def other_contents(message: Mapping[str, Any], kind: str) -> Contents:
    """A kind that is newer than this program: all that it says."""
    value = message.get(kind)
    text = contents.readable_lines(value)
    if not text:
        return unsupported_contents(message, kind)
    return Contents(text, {"kind": kind, "value": as_storable(value)})


READERS: dict[str, Callable[[Mapping[str, Any], str], Contents]] = {
    "text": plain_text,
    "system": plain_text,
    "button": button_contents,
    "interactive": interactive_contents,
    "location": location_contents,
    "contacts": card_contents,
    "order": order_contents,
    "unsupported": unsupported_contents,
    **dict.fromkeys(MEDIA, media_contents),
}
