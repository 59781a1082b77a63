"""Which telephone numbers exist, as far as anybody can say without asking a network.

`phonenumbers` knows what regulators have given out. What they keep for films and examples is in
none of its ranges, although nobody ever has such a number: demonstrations and tests use them.
"""

import re
from enum import Enum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from communications.vocabulary.phone_numbers import number_variants

# Country code and national number, as regulators reserve them. Each with where it says so.
FICTIONAL_NUMBERS = (
    # Ofcom, "Numbers for drama use":
    # https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
    r"\+441632960\d{3}",
    r"\+441(?:1[3-8]|[2-6]1)4960\d{3}",
    r"\+442079460\d{3}",
    r"\+441914980\d{3}",
    r"\+442896496\d{3}",
    r"\+442920180\d{3}",
    r"\+447700900\d{3}",
    r"\+448081570\d{3}",
    r"\+449098790\d{3}",
    r"\+443069990\d{3}",
    # Arcep, décision n° 2018-0881 (plan national de numérotation), numbers for audiovisual works.
    r"\+33(?:19900|26191|35301|46571|53649|63998)\d{4}",
    # ComReg, "Numbering Conditions of Use and Application Process", drama numbers.
    r"\+3532091\d{5}",
    # ACMA, "Phone numbers for use in TV shows, films and creative works":
    # https://www.acma.gov.au/phone-numbers-use-tv-shows-films-and-creative-works
    r"\+61[2378](?:5550|7010)\d{4}",
    r"\+61491570(?:006|110|15[6-9])",
    # The North American Numbering Plan's 555-0100 to 555-0199: https://www.nanpa.com
    r"\+1[2-9]\d{2}55501\d{2}",
)
FICTIONAL = re.compile("|".join(FICTIONAL_NUMBERS))

LETTERED = {
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.UAN,
}


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
    """Returns whether a number was typed with letters; a `tel:` before it is none of it."""
    return any(character.isalpha() for character in typed.strip().lower().removeprefix("tel:"))


def is_written_in_letters(number: PhoneNumber) -> bool:
    """Returns whether a number is of a kind that is written in letters (1-800-FLOWERS).

    Elsewhere letters are an O for a zero, or words beside the number.
    """
    return phonenumbers.number_type(number) in LETTERED


def number_standing(value: str) -> NumberStanding:
    """Returns what is known of a number in E.164, in whatever form of it."""
    standings = [standing_of_form(form) for form in number_variants(value)]
    return next(standing for standing in NumberStanding if standing in standings)


def standing_of_form(value: str) -> NumberStanding:
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return NumberStanding.IMPOSSIBLE
    if phonenumbers.is_valid_number(number) or FICTIONAL.fullmatch(value):
        return NumberStanding.CONFIRMED
    return standing_by_length(number)


def standing_by_length(number: PhoneNumber) -> NumberStanding:
    length = phonenumbers.is_possible_number_with_reason(number)
    if length == ValidationResult.IS_POSSIBLE:
        return NumberStanding.POSSIBLE
    if length == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return NumberStanding.LOCAL
    return NumberStanding.IMPOSSIBLE


REFUSALS = {
    NumberStanding.POSSIBLE: "No network is known to have the number {}: check it, or say "
    "that you are sure of it.",
    NumberStanding.LOCAL: "“{}” is understood within one place only, or is a short code: write "
    "the number with its area code, like +447700900123.",
    NumberStanding.IMPOSSIBLE: "“{}” has too few or too many digits for a telephone number.",
}
