"""What people send besides texts: places, contact cards, orders, forms; as JSON and in words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wedsync_comms.lib.outside_json import as_storable
from wedsync_comms.lib.shapes import as_dict, as_dicts

# What form builders put around the names people gave to their fields.
FIELD_MARKS = re.compile(r"^screen_\d+_|_\d+$")
MAX_LINES = 200
PLACE_FIELDS = ("name", "address", "url", "latitude", "longitude")


def location(place: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: place[name] for name in PLACE_FIELDS if place.get(name) not in (None, "")}
    stored: dict[str, Any] = as_storable({"kind": "location", **found})
    return stored


def location_text(place: Mapping[str, Any]) -> str:
    """Returns a place as a person would write it down: what it is called, then where it is."""
    words = [str(place[name]) for name in ("name", "address") if name in place]
    point = [str(place[name]) for name in ("latitude", "longitude") if name in place]
    return "\n".join(filter(None, [", ".join(dict.fromkeys(words)), ", ".join(point)]))


def contact_card(card: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = as_storable(dict(card))
    return stored


def card_text(card: Mapping[str, Any]) -> str:
    return "\n".join(dict.fromkeys(filter(None, card_lines(card))))


def card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    name = as_dict(card.get("name"))
    parts = (str(name.get(part) or "") for part in ("first_name", "middle_name", "last_name"))
    yield str(name.get("formatted_name") or " ".join(filter(None, parts)))
    work = as_dict(card.get("org"))
    yield ", ".join(str(work[part]) for part in ("title", "company") if work.get(part))
    for phone in as_dicts(card.get("phones")):
        yield str(phone.get("phone") or phone.get("wa_id") or "")
    for email in as_dicts(card.get("emails")):
        yield str(email.get("email") or "")
    for url in as_dicts(card.get("urls")):
        yield str(url.get("url") or "")
    for address in as_dicts(card.get("addresses")):
        order = ("street", "zip", "city", "state", "country")
        yield ", ".join(str(address[part]) for part in order if address.get(part))
    yield str(card.get("birthday") or "")


def order(given: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = as_storable({"kind": "order", **given})
    return stored


def order_text(given: Mapping[str, Any]) -> str:
    """Returns what was ordered, a line each, under what the person wrote beside it."""
    return "\n".join(filter(None, [str(given.get("text") or ""), *order_lines(given)]))


def order_lines(given: Mapping[str, Any]) -> Iterator[str]:
    for item in as_dicts(given.get("product_items")):
        what = str(item.get("product_retailer_id") or "something")
        price = " ".join(str(item[part]) for part in ("item_price", "currency") if part in item)
        yield f"{item.get('quantity') or 1} × {what}" + (f" at {price}" if price else "")


def readable_lines(value: Any) -> str:
    """Returns all that JSON of an unknown form says, a line each, with the names of its fields."""
    lines = (line for line, _ in zip(value_lines(value), range(MAX_LINES), strict=False))
    return "\n".join(lines)


def value_lines(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from value_lines(item, field_label(str(inner)))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for item in value:
            yield from value_lines(item, name)
    elif text := plain_value(value):
        yield f"{name}: {text}" if name else text


def plain_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(plain_value, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def field_label(name: str) -> str:
    """Returns the name of a field as a person would say it; what means nothing stays as it is."""
    words = " ".join(FIELD_MARKS.sub("", name).replace("_", " ").split())
    return f"{words[:1].upper()}{words[1:]}" if words else name
