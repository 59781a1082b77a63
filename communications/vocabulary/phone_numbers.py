"""Telephone numbers: which E.164 forms reach the same person, and which no SMS reaches.

Brazil put a 9 before its mobile numbers, Mexico dropped the 1 after its country code; providers
and telephones still hold the older form. Trunk zeros need nothing here: `phonenumbers` drops them.
"""

import re

import phonenumbers
from phonenumbers import PhoneNumberType

# Country code, area code, and the eight digits of a mobile number, which begin with 6 to 9.
BRAZIL = re.compile(r"\+55([1-9]\d)(9?)([6-9]\d{7})")
MEXICO = re.compile(r"\+52(1?)(\d{10})")


def number_variants(value: str) -> tuple[str, ...]:
    """Returns every form of a number, the present one first; of anything else, itself."""
    if found := BRAZIL.fullmatch(value):
        area, _, local = found.groups()
        return (f"+55{area}9{local}", f"+55{area}{local}")
    if found := MEXICO.fullmatch(value):
        return (f"+52{found[2]}", f"+521{found[2]}")
    return (value,)


def canonical_number(value: str) -> str:
    """Returns the form that is the same for all forms of a number."""
    return number_variants(value)[0]


def landline_refusal(value: str) -> str:
    """Returns why no SMS reaches a number, if its numbering plan says so.

    Blank where a mobile may have it, as in North America, where landlines and mobiles share their
    numbers.
    """
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        # A short code, or a name.
        return ""
    if phonenumbers.number_type(number) != PhoneNumberType.FIXED_LINE:
        return ""
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return f"{shown} is a landline, which takes no SMS."
