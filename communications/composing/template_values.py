"""The values for an approved text: exactly what it needs, and as its provider takes them.

https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
(131008, 132000, 132005, 132012, 132018) is what would be answered otherwise.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from communications.composing.placeholders import placeholders
from communications.errors import Refused
from communications.models import Template
from communications.vocabulary.events import TemplateVariable
from communications.vocabulary.file_types import type_of_name

# No line break, no tab, and no more than four spaces in a row, of whatever kind.
UNFIT = re.compile(r"[\n\r\t\v\f\x1c-\x1e\x85\u2028\u2029]|\s{5}")
# What nobody sees although Unicode counts it among letters and symbols: fillers of Hangul, and the
# blank of Braille.
UNSEEN_CATEGORIES = {"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"}
UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800")
MAX_FILLED_CHARACTERS = 1_024
# Of values that have no place, in a sentence.
MAX_LISTED = 5
MAX_SHOWN = 40
MEDIA = {"image": ("image/jpeg", "image/png"), "video": ("video/mp4", "video/3gpp")}
DEGREES = {"latitude": 90, "longitude": 180}
# Texts of the heading and of the body are read by people.
TEXT_KINDS = {"text", "name", "address"}
BUTTON_KINDS = {"url", "copy_code"}
# Behind "https://x.example/" the one of another address leads nowhere.
SCHEME = re.compile(r"/{0,2}(?:[a-z][a-z0-9+.-]*://|//|www\.|https?:)", re.IGNORECASE)


def template_variables(template: Template) -> list[TemplateVariable]:
    """Returns what is filled in to send a template, in its order."""
    if template.provider_variables is not None:
        return [TemplateVariable(**variable) for variable in template.provider_variables]
    texts = (template.subject, template.body, template.html)
    names = dict.fromkeys(name for text in texts for name in placeholders(text))
    return [
        TemplateVariable(
            name=name,
            part="body",
            kind="text",
            parameter="" if name.isdecimal() else name,
            limit=MAX_FILLED_CHARACTERS,
        )
        for name in names
    ]


def provider_values(template: Template, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns the values of an approved text, each with its place. Raises Refused."""
    if template.unsendable:
        raise Refused("template", f"“{template.name}” is not offered. {template.unsendable}")
    variables = template_variables(template)
    check_complete(variables, given)
    check_surplus(variables, given)
    for variable in variables:
        if variable.name and (why := value_refusal(variable, given[variable.name])):
            raise Refused("variables", f"“{variable.name}” {why}")
    return [
        {
            "part": variable.part,
            "kind": variable.kind,
            "value": given.get(variable.name, "").strip(),
            "position": variable.position,
            "parameter": variable.parameter,
        }
        for variable in variables
    ]


def check_complete(variables: Sequence[TemplateVariable], given: Mapping[str, str]) -> None:
    missing = [variable for variable in variables if variable.name and variable.name not in given]
    if missing:
        listed = ", ".join(described(variable) for variable in missing)
        raise Refused("variables", f"The template needs a value for: {listed}.")


def check_surplus(variables: Sequence[TemplateVariable], given: Mapping[str, str]) -> None:
    """Raises Refused for values that would be sent nowhere."""
    names = [variable.name for variable in variables if variable.name]
    if surplus := [name for name in given if name not in names]:
        takes = f"It takes: {', '.join(names)}." if names else "It takes none."
        listed = ", ".join(name[:MAX_SHOWN] for name in surplus[:MAX_LISTED])
        raise Refused("variables", f"The template has no place for: {listed}. {takes}")


def described(variable: TemplateVariable) -> str:
    return f"{variable.name} ({variable.about})" if variable.about else variable.name


def value_refusal(variable: TemplateVariable, value: str) -> str:
    """Returns what is wrong with a value, as the end of a sentence; blank if it is taken."""
    if is_blank(value):
        return "is blank: WhatsApp takes no empty value."
    if UNFIT.search(value):
        return "has a line break, a tab or more than four spaces in a row, which WhatsApp refuses."
    if len(value.strip()) > variable.limit:
        return f"is too long: at most {variable.limit:,} characters."
    return kind_refusal(variable.kind, value.strip())


def is_blank(value: str) -> bool:
    """Returns whether nobody sees anything of a value: spaces, marks and invisible characters."""
    return all(
        character in UNSEEN or unicodedata.category(character) in UNSEEN_CATEGORIES
        for character in value
    )


def kind_refusal(kind: str, value: str) -> str:
    if kind in TEXT_KINDS:
        return ""
    if re.search(r"\s", value):
        return "has a space in it."
    if kind in DEGREES:
        return degrees_refusal(value, DEGREES[kind])
    if kind == "url":
        return ending_refusal(value)
    return "" if kind in BUTTON_KINDS else url_refusal(kind, value)


def ending_refusal(value: str) -> str:
    """Returns why a value makes no address at the end of a button's own."""
    if SCHEME.match(value):
        return "is a whole address: the template has the beginning, give what follows it."
    if any(unicodedata.category(character) in {"Cc", "Cf"} for character in value):
        return "has an invisible character in it."
    return ""


def degrees_refusal(value: str, most: int) -> str:
    try:
        is_degree = abs(float(value)) <= most
    except ValueError:
        is_degree = False
    return "" if is_degree else f"is no number of degrees between -{most} and {most}."


def url_refusal(kind: str, value: str) -> str:
    """Returns why Meta could not fetch a file of a kind from an address."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or "." not in parts.hostname:
        return "is no public address beginning with https://."
    guessed = type_of_name(unquote(parts.path))
    if kind in MEDIA and guessed and guessed not in MEDIA[kind]:
        return f"leads to a file of type {guessed}, where the template has {kind}s."
    return ""


def check_body_length(body: str) -> None:
    """Raises Refused for an approved text that its values make too long."""
    if len(body) > MAX_FILLED_CHARACTERS:
        raise Refused(
            "variables",
            f"The text with its values has {len(body):,} characters: WhatsApp takes "
            f"{MAX_FILLED_CHARACTERS:,}.",
        )
