"""Which telephone numbers exist, as far as anybody can say without asking a network.

`phonenumbers` knows what regulators have given out. What they keep for films and examples is in
none of its ranges, although nobody ever has such a number: demonstrations and tests use them.
"""

from enum import Enum

import phonenumbers
from phonenumbers import CountryCodeSource, Leniency, PhoneNumber, ValidationResult

from communications.vocabulary.fictional_numbers import is_fictional
from communications.vocabulary.phone_numbers import number_variants


class NumberStanding(Enum):
    """What is known of a number, the best first."""

    # A regulator gave its range out, or keeps it for fiction.
    CONFIRMED = "confirmed"
    # Its length is right. Ranges newer than our data are like that, and most mistakes.
    POSSIBLE = "possible"
    # Understood by a local exchange only, or a short code.
    LOCAL = "local"
    IMPOSSIBLE = "impossible"


def has_letters(typed: str) -> bool:
    """Returns whether a number was typed with letters; a `tel:` before it is none of it.

    They are an O for a zero or words beside the number, and read as keys they make another one;
    also 1-800-FLOWERS is a different number in each country.
    """
    return any(character.isalpha() for character in typed.strip().lower().removeprefix("tel:"))


def number_standing(value: str) -> NumberStanding:
    """Returns what is known of a number in E.164, in whatever form of it."""
    standings = [standing_of_form(form) for form in number_variants(value)]
    return next(standing for standing in NumberStanding if standing in standings)


def standing_of_form(value: str) -> NumberStanding:
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return NumberStanding.IMPOSSIBLE
    if phonenumbers.is_valid_number(number) or is_fictional(value):
        return NumberStanding.CONFIRMED
    return standing_by_length(number)


def standing_by_length(number: PhoneNumber) -> NumberStanding:
    length = phonenumbers.is_possible_number_with_reason(number)
    if length == ValidationResult.IS_POSSIBLE:
        return NumberStanding.POSSIBLE
    if length == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return NumberStanding.LOCAL
    return NumberStanding.IMPOSSIBLE


def missing_prefix(written: str, region: str) -> str:
    """Returns what a number lacks that its region writes before its own, like the 0 of London.

    It may be another country's: an Italian mobile, read as British, is a number that exists. Blank
    where it has it, has a country's code, or where people leave it out.
    """
    try:
        number = phonenumbers.parse(written, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return ""
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    if number.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY or not prefix:
        return ""
    if phonenumbers.normalize_digits_only(written).startswith(prefix):
        return ""
    # Who looks for numbers in a text takes one without it only where it is optional.
    is_usual = phonenumbers.PhoneNumberMatcher(written, region, Leniency.VALID).has_next()
    return "" if is_usual else prefix


REFUSALS = {
    NumberStanding.POSSIBLE: "No network is known to have the number {}: check it, or say "
    "that you are sure of it.",
    NumberStanding.LOCAL: "“{}” is understood within one place only, or is a short code: write "
    "the number with its area code, like +447700900123.",
    NumberStanding.IMPOSSIBLE: "“{}” has too few or too many digits for a telephone number.",
}
