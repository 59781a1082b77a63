"""Telephone numbers: which E.164 forms reach the same person, and which no SMS reaches.

Trunk zeros need nothing here: `phonenumbers` drops them. What became of old forms: `renumberings`.
"""

import re
from contextlib import suppress

import phonenumbers
from phonenumbers import PhoneNumberType

from communications.vocabulary import fictional_numbers, renumberings

# https://www.itu.int/rec/T-REC-E.164; no country has numbers of fewer digits that may write.
RECEIVED = re.compile(r"\+[1-9]\d{6,14}")
NORTH_AMERICA = 1
# Kinds of numbers that no mobile has, as a sentence calls them.
NO_SMS = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.TOLL_FREE: "a freephone number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.UAN: "a company's number for calls",
    PhoneNumberType.VOICEMAIL: "a voicemail",
}


def number_variants(value: str) -> tuple[str, ...]:
    """Returns every form of a number, the present one first; of anything else, itself."""
    return renumberings.number_forms(value)


def canonical_number(value: str) -> str:
    """Returns the form that is the same for all forms of a number."""
    return number_variants(value)[0]


def number_region(value: str) -> str:
    """Returns the country of a number in two letters; blank of anything that has none."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return ""
    # Numbers of all countries ("001") belong to none.
    region = phonenumbers.region_code_for_number(number) or ""
    return region if region.isalpha() else ""


def is_mobile(value: str) -> bool:
    """Returns whether only a mobile has the number, by its numbering plan."""
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) == PhoneNumberType.MOBILE


def sms_refusal(value: str) -> str:
    """Returns why no SMS reaches a number, if its numbering plan, or a film's, says so.

    Blank where a mobile may have it, as in North America, where landlines and mobiles share their
    numbers, and toll-free ones may take texts as well.
    """
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        # A short code, or a name.
        return ""
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.TOLL_FREE and number.country_code == NORTH_AMERICA:
        return ""
    label = fictional_numbers.label_of_fixed(value) or NO_SMS.get(kind, "")
    if not label:
        return ""
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return f"{shown} is {label}, which takes no SMS."


def received_number(value: str) -> str | None:
    """Returns the number that somebody wrote from as we keep it, in today's form.

    Their network has it, whatever is known here about the numbers of their country. None for a
    short code, a name, or an id of another kind.
    """
    if not RECEIVED.fullmatch(value):
        return None
    with suppress(phonenumbers.NumberParseException):
        number = phonenumbers.parse(value)
        if phonenumbers.is_possible_number(number):
            # Without the trunk zeros that some networks leave in it.
            value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return renumberings.present_number(value)
