"""Keys by which people are found: what a search looks in, what it asks for, which addresses are
alike. Plain text and LIKE, so that every database finds the same, without extensions; an index only
says where to look."""

import re
from collections.abc import Iterable

from communications.vocabulary import email_addresses, personal_names, phone_numbers

MAX_KEY = 4_000
# Google ignores dots, and everything after a plus sign.
DOTLESS = {"gmail.com", "googlemail.com"}
NUMBER = re.compile(r"\+?[\d\s()./–-]+")
# Fewer digits say nothing.
MIN_DIGITS = 3
MAX_TERMS = 8
# What an index knows a key by (migration `parts_of_search_keys`).
PART = 3


def search_key(texts: Iterable[str], values: Iterable[str]) -> str:
    """Returns the key to search in, made of names and other words, and of addresses."""
    texts = list(texts)
    found = [word for text in texts for word in personal_names.name_words(text)]
    found += [
        word
        for text in texts
        for word in personal_names.name_words(personal_names.spelled_out(text))
    ]
    found += [value.removeprefix("+").casefold() for value in values]
    return " ".join(dict.fromkeys(found))[:MAX_KEY]


def search_terms(query: str) -> list[list[str]]:
    """Returns lists of words: a key matches that contains at least one of every list."""
    # No text in a database has this character, and PostgreSQL cannot be asked for it.
    query = query.replace("\0", " ").strip()
    digits = re.sub(r"\D", "", query.replace("(0)", ""))
    if NUMBER.fullmatch(query) and len(digits) >= MIN_DIGITS:
        # Without the prefix for calls abroad, or the zero for calls at home.
        return [[digits.removeprefix("00").removeprefix("0")]]
    return [word_alternatives(word) for word in query_words(query)][:MAX_TERMS]


def parts_of_key(text: str) -> list[str]:
    """Returns all parts of three characters; none of a shorter text."""
    return sorted({text[start : start + PART] for start in range(len(text) - PART + 1)})


def query_words(query: str) -> list[str]:
    """Returns the words of a query; an address stays whole."""
    found: list[str] = []
    for part in query.split():
        found += [part] if "@" in part else personal_names.WORD.findall(part)
    return found


def word_alternatives(word: str) -> list[str]:
    plain = personal_names.fold_text(word)
    found = {plain, personal_names.spelled_out(word), *personal_names.name_variants(plain)}
    if "@" in word:
        # As it is stored: a domain with other letters than ASCII's has another form there.
        found.add(email_addresses.received_address(word))
    return sorted(found - {""})


def address_hint(value: str) -> str:
    """Returns what alike addresses have in common. It is no proof that they are one person's."""
    local, at, domain = value.rpartition("@")
    if not at:
        return phone_numbers.canonical_number(value)
    local = local.partition("+")[0]
    if domain in DOTLESS:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"
