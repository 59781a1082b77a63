"""`{{ name }}` in a text: which there are, which cannot be filled in, and filling them in."""

import re
from collections.abc import Iterable, Mapping

from communications.errors import Refused
from communications.models import Organization, Template

VARIABLE = re.compile(r"(?<!\{)\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
# What begins like one, as far as it goes on like one.
LEFT_OVER = re.compile(r"\{\{+[^{}\n]{0,60}\}*")
NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")
MAX_NAMED = 12
# Whose placeholders are read to say which are known.
MAX_TEMPLATES = 200


def placeholders(text: str) -> list[str]:
    """Returns the variables of a text, each once, in the order in which a provider counts them."""
    names = dict.fromkeys(VARIABLE.findall(text))
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    return list(names)


def fill_placeholders(text: str, variables: Mapping[str, str]) -> str:
    """Returns the text with its variables filled in. Raises Refused where a value is missing."""
    missing = sorted({name for name in VARIABLE.findall(text) if name not in variables})
    if missing:
        raise Refused("variables", f"The text needs a value for: {', '.join(missing)}.")
    return VARIABLE.sub(lambda match: variables[match[1]], text)


def unknown_placeholders(text: str) -> list[str]:
    """Returns what looks like a placeholder and would be sent as it stands, each once."""
    return list(dict.fromkeys(LEFT_OVER.findall(VARIABLE.sub(" ", text))))


def check_placeholders(field: str, text: str, known: Iterable[str] = ()) -> None:
    """Raises Refused for a text with something that looks like a placeholder and is none.

    `known` are the names to choose from, beside those in the text.
    """
    unknown = unknown_placeholders(text)
    if not unknown:
        return
    names = list(dict.fromkeys([*placeholders(text), *known]))[:MAX_NAMED]
    listed = ", ".join(f"{{{{ {name} }}}}" for name in names)
    raise Refused(
        field,
        f"“{unknown[0]}” is no placeholder that could be filled in: "
        f"write one like {suggestion(unknown[0])}, of letters without accents, digits and "
        "underscores. " + (f"Known are: {listed}." if listed else "None is known yet."),
    )


def suggestion(unknown: str) -> str:
    """Returns what somebody may have meant."""
    return f"{{{{ {NOT_A_NAME.sub('_', unknown.partition('|')[0]).strip('_') or 'first_name'} }}}}"


def known_placeholders(organization: Organization) -> list[str]:
    """Returns the variables that the organization's own templates have, those used last first."""
    rows = Template.objects.filter(organization=organization, approval="").order_by("-updated_at")
    texts = rows.values_list("subject", "body", "html")[:MAX_TEMPLATES]
    found = (name for row in texts for text in row for name in placeholders(text))
    return list(dict.fromkeys(found))


def check_template_texts(organization: Organization, texts: Mapping[str, str]) -> None:
    """Raises Refused for texts, by field, that could not be filled in when they are sent."""
    for field, text in texts.items():
        if unknown_placeholders(text):
            check_placeholders(field, text, known_placeholders(organization))
