"""Placeholders as other programs write them, which nobody here fills in."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import islice

# Never anything else: blocks of template languages, merge tags of mailing programs, and full-width
# braces, which a keyboard for Chinese or Japanese writes.
ALWAYS = re.compile(
    r"[\uff5b{]\uff5b[^{}\uff5b\uff5d\n]{0,60}[\uff5d}]{0,2}|\uff5b\{[^{}\uff5b\uff5d\n]{0,60}[\uff5d}]{0,2}"
    r"|\{%[^{}\n]{1,80}%\}|\{#[^{}\n]{1,80}#\}"
    r"|\$\{[^\W\d][^{}\n]{0,60}\}|<%[^<>\n]{1,80}%>|\*\|[A-Za-z][\w:]{0,40}\|\*"
)
# One where a known name is in it: braces and percent signs are also just that.
WHERE_KNOWN = re.compile(
    r"[{\uff5b][ \u00a0]?([^\W\d][\w .-]{0,40}?)[ \u00a0]?[}\uff5d]"
    r"|(?<![\d\w%])%{1,2}([^\W\d][\w.-]{0,40})%{1,2}(?!\w)"
    r"|\[\[[ ]?([^\W\d][\w .-]{0,40}?)[ ]?\]\]"
)
# What every program asks for.
COMMON_NAMES = (
    *("name", "first name", "last name", "full name", "fname", "lname", "surname", "firstname"),
    *("given name", "family name", "customer name", "client name", "contact name", "user name"),
    *("contact", "couple", "bride", "groom", "partner", "email", "phone", "company", "venue"),
    *("date", "time", "wedding date", "event date", "address", "salutation", "greeting", "title"),
    *("link", "url", "unsubscribe", "unsubscribe url", "unsubscribe link", "amount", "number"),
)
SIMILAR = 0.85
FEWEST_LETTERS = 4
# A text with more braces is no letter.
MAX_LOOKED_AT = 500


def foreign_placeholders(text: str, known: Iterable[str]) -> Iterator[str]:
    """Yields what another program would fill in."""
    for found in ALWAYS.finditer(text):
        yield found[0]
    names = {squeezed(name) for name in (*known, *COMMON_NAMES)} - {""}
    for found in islice(WHERE_KNOWN.finditer(text), MAX_LOOKED_AT):
        if is_nearly_known(squeezed(next(filter(None, found.groups()))), names):
            yield found[0]


def misspelt_name(name: str, known: Iterable[str]) -> str:
    """Returns the known name of which two neighbouring letters were exchanged; blank for others."""
    names = list(known)
    if name in names or len(name) < FEWEST_LETTERS:
        return ""
    return next((meant for meant in names if is_exchanged(name.lower(), meant)), "")


def is_nearly_known(name: str, names: Iterable[str]) -> bool:
    """Returns whether a name is one of those, but for a slip of the fingers."""
    return name in names or any(
        is_exchanged(name, other)
        or (
            min(len(name), len(other)) >= FEWEST_LETTERS
            and abs(len(name) - len(other)) <= 1
            and SequenceMatcher(None, name, other).ratio() >= SIMILAR
        )
        for other in names
    )


def is_exchanged(name: str, other: str) -> bool:
    """Returns whether two neighbouring letters are the other way round."""
    swapped = (
        other[:at] + other[at + 1] + other[at] + other[at + 2 :] for at in range(len(other) - 1)
    )
    return name != other and name in swapped


def squeezed(name: str) -> str:
    """Returns a name in small letters without what separates its words: FirstName, first-name.

    Of a path (`contact.first_name`) the last part counts.
    """
    return re.sub(r"[\s_-]+", "", name.rpartition(".")[2]).casefold()
