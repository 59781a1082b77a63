"""What Meta lists of a template's parts -> what has to be filled in to send it, or why we cannot.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from communications.vocabulary.events import TemplateVariable
from wedsync_comms.lib.shapes import as_dicts

HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MEDIA_HEADERS = {"IMAGE": "a picture", "VIDEO": "a video", "DOCUMENT": "a document"}
# Sent without a word about them. What a button is pressed for needs nothing.
STATIC_BUTTONS = {"QUICK_REPLY", "PHONE_NUMBER"}
# Meta's: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
MAX_HEADER, MAX_BODY, MAX_COUPON, MAX_URL = 60, 1_024, 15, 2_000
OTP = "https://www.whatsapp.com/otp/"


class NotOffered(ValueError):
    """Says to a person which part of a template cannot be sent from here."""


def needed_variables(template: Mapping[str, Any]) -> tuple[tuple[TemplateVariable, ...], str]:
    """Returns what is to be filled in, in its order; and why the template is not offered, if so."""
    parts = as_dicts(template.get("components"))
    try:
        return tuple(unique_names(variables_of_parts(parts))), ""
    except NotOffered as error:
        return (), str(error)


def variables_of_parts(parts: list[dict[str, Any]]) -> Iterator[TemplateVariable]:
    """Raises NotOffered."""
    for part in parts:
        kind = str(part.get("type", "")).upper()
        if kind not in PARTS:
            label = kind.lower().replace("_", " ") or "nameless part"
            raise NotOffered(f"It has a {label}, which cannot be sent from here.")
        yield from PARTS[kind](part)


def holes(text: Any) -> list[str]:
    """Returns the places of a text, each once, in the order in which Meta counts them."""
    found = list(dict.fromkeys(HOLE.findall(str(text or ""))))
    return sorted(found, key=int) if all(hole.isdecimal() for hole in found) else found


def parameter_name(hole: str) -> str:
    """Returns what Meta wants a value to be called; those that are counted have no name."""
    return "" if hole.isdecimal() else hole


def header_variables(part: Mapping[str, Any]) -> Iterator[TemplateVariable]:
    shape = str(part.get("format", "TEXT")).upper()
    if shape == "TEXT":
        for hole in holes(part.get("text")):
            yield TemplateVariable(
                name="header" if hole.isdecimal() else hole,
                part="header",
                kind="text",
                parameter=parameter_name(hole),
                about="in the heading",
                limit=MAX_HEADER - len(HOLE.sub("", str(part.get("text", "")))),
            )
    elif shape in MEDIA_HEADERS:
        yield TemplateVariable(
            name="header",
            part="header",
            kind=shape.lower(),
            about=f"the address of {MEDIA_HEADERS[shape]}, https://…",
            limit=MAX_URL,
        )
    elif shape == "LOCATION":
        yield from location_variables()
    else:
        raise NotOffered(f"Its heading is a {shape.lower()}, which cannot be sent from here.")


def location_variables() -> Iterator[TemplateVariable]:
    for kind, about in (
        ("latitude", "where it is, like 51.5014"),
        ("longitude", "where it is, like -0.1419"),
        ("name", "what the place is called"),
        ("address", "its address"),
    ):
        yield TemplateVariable(
            name=f"header_{kind}", part="header", kind=kind, about=about, limit=MAX_BODY
        )


def body_variables(part: Mapping[str, Any]) -> Iterator[TemplateVariable]:
    for hole in holes(part.get("text")):
        yield TemplateVariable(
            name=hole, part="body", kind="text", parameter=parameter_name(hole), limit=MAX_BODY
        )


def footer_variables(part: Mapping[str, Any]) -> Iterator[TemplateVariable]:  # noqa: ARG001
    yield from ()


def buttons_variables(part: Mapping[str, Any]) -> Iterator[TemplateVariable]:
    for position, button in enumerate(as_dicts(part.get("buttons"))):
        yield from button_variables(button, position)


PARTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[TemplateVariable]]] = {
    "HEADER": header_variables,
    "BODY": body_variables,
    "FOOTER": footer_variables,
    "BUTTONS": buttons_variables,
}


def button_variables(button: Mapping[str, Any], position: int) -> Iterator[TemplateVariable]:
    kind, text = str(button.get("type", "")).upper(), str(button.get("text", ""))
    name = f"button_{position + 1}"
    url = str(button.get("url", ""))
    if kind == "COPY_CODE":
        yield TemplateVariable(
            name=name,
            part="button",
            kind="copy_code",
            position=position,
            about="the code to copy",
            limit=MAX_COUPON,
        )
    elif kind == "FLOW":
        # Nobody is asked for anything, but Meta wants to hear of it.
        yield TemplateVariable(name="", part="button", kind="flow", position=position, limit=0)
    elif kind == "URL" and url.startswith(OTP):
        raise NotOffered("It carries one-time passwords, which cannot be sent from here.")
    elif kind == "URL" and holes(url):
        yield TemplateVariable(
            name=name,
            part="button",
            kind="url",
            position=position,
            about=f"the end of “{text}”: {HOLE.sub('…', url)}",
            limit=MAX_URL - len(HOLE.sub("", url)),
        )
    elif kind != "URL" and kind not in STATIC_BUTTONS:
        label = kind.lower().replace("_", " ") or "nameless"
        raise NotOffered(f"It has a {label} button, which cannot be sent from here.")


def unique_names(variables: Iterator[TemplateVariable]) -> Iterator[TemplateVariable]:
    """Yields the variables with names of their own.

    Those that Meta names are one value wherever they stand.
    """
    listed = list(variables)
    taken = {variable.parameter or variable.name for variable in listed if is_written(variable)}
    for variable in listed:
        name = variable.name
        while name and not is_written(variable) and name in taken:
            name += "_"
        yield TemplateVariable(**{**vars(variable), "name": name})


def is_written(variable: TemplateVariable) -> bool:
    """Returns whether the template itself says what a variable is called."""
    return bool(variable.parameter) or variable.part == "body"
