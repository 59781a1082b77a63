"""Telephone numbers as people write them: what is surely one, and what only has digits in it.

`phonenumbers` reads letters as the keys of a telephone, so that “0170 1234567 Mobil” becomes a
number, and another person's. Nothing of that kind is guessed in files and address books; what a
person types is checked in `book.typed_addresses`.
"""

import re

# Fewer are a year, a service or a short code, even where a numbering plan would allow them.
FEWEST_DIGITS = 7
LONGEST_NUMBER = 80
LONGEST_SHOWN = 60
EXTENSION = re.compile(
    r"\s*(?:;\s*ext=|[,;pw]+|(?:ext(?:n|ension)?|durchwahl|dw|poste)\.?:?|x|#)\s*(\d{1,7})\s*$",
    re.IGNORECASE,
)
DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[ T].*)?|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d{2}")
# What a spreadsheet makes of a number that it takes for a sum.
SUM = re.compile(r"\d+[.,]\d")


def count_digits(text: str) -> int:
    return sum(char.isdecimal() for char in text)


def shortened(text: str) -> str:
    """Returns a text short enough to be quoted in a sentence."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def split_extension(value: str) -> tuple[str, str]:
    """Returns a number and its extension; the latter blank where there is none."""
    if len(value) > LONGEST_NUMBER or not (found := EXTENSION.search(value)):
        return value, ""
    return value[: found.start()], found[1]


def number_obstacle(value: str) -> str:
    """Returns why a text, without its extension, is not surely a number; blank if it may be one."""
    shown, plain = shortened(value), value.strip()
    if not count_digits(plain) or len(plain) > LONGEST_NUMBER:
        return f"“{shown}” is not a telephone number: write it like +447700900123."
    if "*" in plain or "#" in plain:
        return f"“{shown}” is a code for a telephone to dial, not a number."
    if DATE.fullmatch(plain):
        return f"“{shown}” looks like a date, not like a telephone number."
    if any(char.isalpha() for char in plain):
        return f"“{shown}” has words in it: give the number alone, like +447700900123."
    if SUM.fullmatch(plain):
        return f"“{shown}” looks like a spreadsheet's sum: give it as a text."
    return ""
