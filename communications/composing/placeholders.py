"""`{{ name }}` in a text: which there are, which cannot be filled in, and filling them in."""

import re
from collections.abc import Iterable, Mapping

from communications.composing.foreign_placeholders import foreign_placeholders, misspelt_name
from communications.errors import Refused
from communications.models import Organization, Template

VARIABLE = re.compile(r"(?<!\{)\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
# What begins like one, as far as it goes on like one.
LEFT_OVER = re.compile(r"\{\{+[^{}\n]{0,60}\}*")
NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")
MAX_NAMED = 12
# Whose placeholders are read to say which are known.
MAX_TEMPLATES = 200
# The names that the product fills in by itself, of the apps that do.
FILLED_IN: dict[str, None] = {}


def register_filled_in(names: Iterable[str]) -> None:
    """Makes names known that an app fills in by itself, called once at its start."""
    FILLED_IN.update(dict.fromkeys(names))


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


def unknown_placeholders(text: str, known: Iterable[str] = ()) -> list[str]:
    """Returns what looks like a placeholder and would be sent as it stands, each once.

    Those of other programs (`{name}`, `%NAME%`) count where they have one of the `known` names or
    of those that are asked for everywhere; in all else braces and percent signs are somebody's own.
    """
    plain = VARIABLE.sub(" ", text)
    names = [*placeholders(text), *known, *FILLED_IN]
    return list(dict.fromkeys([*LEFT_OVER.findall(plain), *foreign_placeholders(plain, names)]))


def check_placeholders(field: str, text: str, known: Iterable[str] = ()) -> None:
    """Raises Refused for a text with something that looks like a placeholder and is none.

    `known` are the names to choose from, beside those in the text.
    """
    names = list(dict.fromkeys([*placeholders(text), *known]))
    if unknown := unknown_placeholders(text, names):
        raise Refused(
            field,
            f"“{unknown[0]}” is no placeholder that could be filled in: "
            f"write one like {suggestion(unknown[0])}, of letters without accents, digits and "
            f"underscores. {described_names(names)}",
        )


def check_spelling(field: str, text: str, known: Iterable[str] = ()) -> None:
    """Raises Refused for a name with two letters exchanged of one that is filled in."""
    others = set(known)
    for name in placeholders(text):
        meant = misspelt_name(name, FILLED_IN)
        if meant and name not in others:
            raise Refused(
                field, f"“{{{{ {name} }}}}” is not filled in: did you mean {{{{ {meant} }}}}?"
            )


def described_names(names: Iterable[str]) -> str:
    """Returns a sentence with the names to choose from: those that are the caller's to fill in,
    and those that nobody has to."""
    own = [name for name in names if name not in FILLED_IN][:MAX_NAMED]
    sentences = [f"Known are: {braced(own)}."] if own else []
    if FILLED_IN:
        sentences.append(f"Messages about appointments fill in {braced(FILLED_IN)} themselves.")
    return " ".join(sentences) or "None is known yet."


def braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{{ {name} }}}}" for name in names)


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
    known = known_placeholders(organization)
    for field, text in texts.items():
        check_placeholders(field, text, known)
        check_spelling(field, text, known)
