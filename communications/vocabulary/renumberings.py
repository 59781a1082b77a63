"""Telephone numbers that were given other digits: which old form became which present one.

Somebody's own telephone, an address book and WhatsApp, whose ids keep the digits with which a
person registered, hold the old form for years. `phonenumbers` knows today's plans and no way from
an old number to its new one.

Here is what the digits alone decide. Left out is what they do not: Manila's landlines of 2019 got a
digit by their operator, Vietnam's landlines of 2017 have old forms that are others' mobile numbers
today.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Renumbering:
    """One rule of a country's change: patterns of E.164 numbers, and what each becomes."""

    old: re.Pattern[str]
    to_present: str
    present: re.Pattern[str]
    to_old: str
    # Whether the old form reaches nobody else today, so that the present one may stand for it.
    is_over: bool = True


def rule(
    old: str, to_present: str, present: str, to_old: str, *, is_over: bool = True
) -> Renumbering:
    return Renumbering(re.compile(old), to_present, re.compile(present), to_old, is_over)


def prefix_rule(old: str, present: str, digits: str) -> Renumbering:
    """Returns the rule that puts one beginning in place of another before the same digits."""
    return rule(
        rf"{re.escape(old)}({digits})",
        rf"{present}\1",
        rf"{re.escape(present)}({digits})",
        rf"{old}\1",
    )


def brazil() -> Iterator[Renumbering]:
    """A 9 before mobile numbers, area by area from 2012 to 2016: Anatel's resolution 553/2010.

    https://en.wikipedia.org/wiki/Telephone_numbers_in_Brazil
    """
    area, local = r"(\+55[1-9]\d)", r"([6-9]\d{7})"
    yield rule(area + local, r"\g<1>9\2", rf"{area}9{local}", r"\1\2")


def mexico() -> Iterator[Renumbering]:
    """No 1 before mobile numbers since 3 August 2019.

    https://en.wikipedia.org/wiki/Telephone_numbers_in_Mexico
    """
    yield prefix_rule("+521", "+52", r"[2-9]\d{9}")


def argentina() -> Iterator[Renumbering]:
    """A 9 before mobile numbers that are called from abroad, and none in what many SMS say.

    A landline has no such form, so neither stands for the other: they only find each other.
    https://en.wikipedia.org/wiki/Telephone_numbers_in_Argentina
    """
    yield rule(
        r"\+54((?:11|[23]\d)\d{8})",
        r"+549\1",
        r"\+549((?:11|[23]\d)\d{8})",
        r"+54\1",
        is_over=False,
    )


def ivory_coast() -> Iterator[Renumbering]:
    """Two digits for the operator before all eight since 31 January 2021.

    Of mobile numbers the second old digit says whose they are, of landlines the third.
    https://pnn.artci.ci/ and https://en.wikipedia.org/wiki/Telephone_numbers_in_Ivory_Coast
    """
    mobile = {"01": "0-3", "05": "4-6", "07": "7-9"}
    landline = {"21": "8", "25": "0", "27": "1-79"}
    for operator, second in mobile.items():
        yield prefix_rule("+225", f"+225{operator}", rf"[04-9][{second}]\d{{6}}")
    for operator, third in landline.items():
        yield prefix_rule("+225", f"+225{operator}", rf"[23]\d[{third}]\d{{5}}")


def benin() -> Iterator[Renumbering]:
    """01 before all eight digits since 30 November 2024: ARCEP Bénin.

    https://en.wikipedia.org/wiki/Telephone_numbers_in_Benin
    """
    yield prefix_rule("+229", "+22901", r"\d{8}")


def gabon() -> Iterator[Renumbering]:
    """A 6, a 7 or a 1 instead of the 0 since 15 November 2019: ARCEP Gabon.

    The 0 belonged to the number from abroad as well, and was often left out.
    https://en.wikipedia.org/wiki/Telephone_numbers_in_Gabon
    """
    for first, digits in (("6", "[256]"), ("7", "[47]"), ("1", "1")):
        for zero in ("0", ""):
            yield prefix_rule(f"+241{zero}", f"+241{first}", rf"{digits}\d{{6}}")


# https://en.wikipedia.org/wiki/Telephone_numbers_in_Vietnam: mobile numbers of eleven digits became
# ten between 15 September and 14 November 2018.
VIETNAM = {
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
    "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
    "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38",
    "169": "39", "186": "56", "188": "58", "199": "59",
}  # fmt: skip


def vietnam() -> Iterator[Renumbering]:
    for old, present in VIETNAM.items():
        yield prefix_rule(f"+84{old}", f"+84{present}", r"\d{7}")


def colombia() -> Iterator[Renumbering]:
    """60 before landlines and their area since 1 September 2021.

    https://en.wikipedia.org/wiki/Telephone_numbers_in_Colombia
    """
    yield prefix_rule("+57", "+5760", r"[124-8][2-8]\d{6}")


def kosovo() -> Iterator[Renumbering]:
    """A country code of its own since 15 December 2016, for what it had at three others.

    https://en.wikipedia.org/wiki/Telephone_numbers_in_Kosovo
    """
    yield prefix_rule("+377", "+383", r"4[45]\d{6}")
    yield prefix_rule("+386", "+383", r"4[39]\d{6}")
    yield prefix_rule("+381", "+383", r"(?:2[89]|3[89])\d{6}")


COUNTRIES = (
    brazil, mexico, argentina, ivory_coast, benin, gabon, vietnam, colombia, kosovo,
)  # fmt: skip
RENUMBERINGS = tuple(rule for country in COUNTRIES for rule in country())


def present_number(value: str) -> str:
    """Returns today's form of a number that is written in an old one; of any other, itself."""
    for known in RENUMBERINGS:
        if known.is_over and (found := known.old.fullmatch(value)):
            return found.expand(known.to_present)
    return value


def number_forms(value: str) -> tuple[str, ...]:
    """Returns all forms of a number that the table knows, today's first; of any other, itself."""
    present = next(
        (
            found.expand(known.to_present)
            for known in RENUMBERINGS
            if (found := known.old.fullmatch(value))
        ),
        value,
    )
    old = (
        found.expand(known.to_old)
        for known in RENUMBERINGS
        if (found := known.present.fullmatch(present))
    )
    return tuple(dict.fromkeys((present, *old)))
