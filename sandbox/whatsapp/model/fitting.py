"""Whether the values of a request fit a template: Meta counts them and looks at each.

https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates
"""

import re
from collections.abc import Iterator
from typing import Any, Protocol

from sandbox.whatsapp.errors import RefusedError

Json = dict[str, Any]

HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# No line break, no tab and no row of spaces in what fills a hole.
UNFIT = re.compile(r"[\n\t]| {5}")
TEXTUAL = frozenset({"text", "currency", "date_time"})
MEDIA = frozenset({"IMAGE", "VIDEO", "DOCUMENT"})
MAX_HEADER, MAX_COUPON = 60, 15
# What a button of a template is called when it is sent, and what it is given.
BUTTON_PARAMETERS = {
    "URL": "text",
    "COPY_CODE": "coupon_code",
    "FLOW": "action",
    "QUICK_REPLY": "payload",
}
SUB_TYPES = (
    "BOOKING_CONFIRMATION", "CATALOG", "COPY_CODE", "FLOW", "MPM", "ORDER_DETAILS", "QUICK_REPLY",
    "REMINDER", "URL", "VOICE_CALL",
)  # fmt: skip


class Approved(Protocol):
    """A template, as far as it is looked at here."""

    def component(self, kind: str) -> Json: ...

    def buttons(self) -> list[Json]: ...


def check_header(template: Approved, given: list[Json]) -> None:
    wanted = template.component("HEADER").get("format", "")
    if wanted in ("", "TEXT"):
        if len(fill_text(template, "HEADER", given)) > MAX_HEADER:
            raise RefusedError(132005, f"header: text has more than {MAX_HEADER} characters")
        return
    _check_count("header", len(given), 1)
    got = str(given[0].get("type", "unknown")).upper()
    if got != wanted:
        raise RefusedError(132012, f"header: Format mismatch, expected {wanted}, received {got}")
    content = given[0].get(wanted.lower(), {})
    if wanted in MEDIA and bool(content.get("id")) == bool(content.get("link")):
        raise RefusedError(131008, "header: either id or link is needed, and not both")
    if wanted == "LOCATION" and not {"latitude", "longitude", "name", "address"} <= set(content):
        raise RefusedError(131008, "header: latitude, longitude, name and address are needed")


def fill_text(template: Approved, kind: str, given: list[Json]) -> str:
    """Returns the text of a part with its values."""
    where, text = kind.lower(), str(template.component(kind).get("text", ""))
    holes = list(dict.fromkeys(HOLE.findall(text)))
    _check_count(where, len(given), len(holes))
    texts = dict(_texts(where, holes, given))
    return HOLE.sub(lambda found: texts[found[1]], text)


def _check_count(where: str, given: int, wanted: int) -> None:
    if given != wanted:
        raise RefusedError(
            132000,
            f"{where}: number of localizable_params ({given}) does not match the expected number "
            f"of params ({wanted})",
        )


def _texts(where: str, holes: list[str], given: list[Json]) -> Iterator[tuple[str, str]]:
    """A template's holes are either counted, or named in every value."""
    counted = sorted(holes, key=int) if all(hole.isdecimal() for hole in holes) else []
    seen = set()
    for place, parameter in enumerate(given):
        named = parameter.get("parameter_name")
        if not counted and not named:
            raise RefusedError(
                100, "Parameter name is missing or empty", message="Invalid parameter"
            )
        hole = counted[place] if counted else str(named)
        if hole not in holes:
            raise RefusedError(132012, f"{where}: unknown parameter name {named!r}")
        if hole in seen:
            raise RefusedError(132012, f"{where}: parameter name {named!r} is there twice")
        seen.add(hole)
        yield hole, _text(where, parameter)


def _text(where: str, given: Json) -> str:
    kind = given.get("type")
    if kind not in TEXTUAL:
        raise RefusedError(132012, f"{where}: Format mismatch, expected TEXT, received {kind}")
    text = given.get("text") if kind == "text" else given.get(kind, {}).get("fallback_value")
    if not isinstance(text, str) or not text.strip():
        raise RefusedError(131008, "Parameter of type text is missing text value")
    if UNFIT.search(text):
        raise RefusedError(
            132018,
            "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
        )
    return text


def check_carousel(template: Approved, given: Json) -> None:
    cards = template.component("CAROUSEL").get("cards", [])
    listed = given.get("cards", [])
    if len(cards) != (len(listed) if isinstance(listed, list) else 0):
        raise RefusedError(
            132012, f"carousel: {len(cards)} cards are expected, as many as the template has"
        )


def check_buttons(template: Approved, given: list[Json]) -> None:
    present = {
        str(component.get("index")): component
        for component in given
        if str(component.get("type")).lower() == "button"
    }
    buttons = template.buttons()
    for place, button in enumerate(buttons):
        _check_button(button, place, present.get(str(place)))
    if beyond := [place for place in present if place not in map(str, range(len(buttons)))]:
        raise RefusedError(132000, f"buttons: there is no button at index {beyond[0]}")


def _check_button(button: Json, place: int, given: Json | None) -> None:
    kind = str(button.get("type", "")).upper()
    if given is None:
        _check_absent(kind, button, place)
        return
    _check_sub_type(kind, place, str(given.get("sub_type", "")).upper())
    parameters = given.get("parameters", [])
    if not parameters:
        raise _missing(kind, place)
    wanted, got = BUTTON_PARAMETERS.get(kind), parameters[0].get("type")
    if got != wanted:
        raise RefusedError(132012, f"buttons: Format mismatch, expected {wanted}, received {got}")
    _check_button_value(kind, parameters[0])


def _check_absent(kind: str, button: Json, place: int) -> None:
    if kind == "FLOW":
        raise RefusedError(131009, f"Components sub_type invalid at index: {place} and type: 0")
    if kind == "COPY_CODE" or (kind == "URL" and HOLE.search(str(button.get("url", "")))):
        raise _missing(kind, place)


def _check_button_value(kind: str, parameter: Json) -> None:
    if kind == "URL":
        _text("buttons", parameter)
    code = str(parameter.get("coupon_code") or "")
    if kind == "COPY_CODE" and not 1 <= len(code) <= MAX_COUPON:
        raise RefusedError(131009, f"buttons: a coupon code has 1 to {MAX_COUPON} characters")


def _check_sub_type(kind: str, place: int, given: str) -> None:
    if given not in SUB_TYPES:
        listed = ", ".join(SUB_TYPES)
        raise RefusedError(
            100,
            message=f"(#100) Param template['components'][{place}]['sub_type'] must be one of "
            f'{{{listed}}} - got "{given.lower()}".',
        )
    if given != kind:
        raise RefusedError(131009, f"Components sub_type invalid at index: {place} and type: 0")


def _missing(kind: str, place: int) -> RefusedError:
    shown = kind.replace("_", " ").title().replace(" ", "")
    return RefusedError(
        131008, f"buttons: Button at index {place} of type {shown} requires a parameter"
    )
