"""Which telephone numbers exist, as far as it can be said without asking a network."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from communications.book.contacts import normalise_number
from communications.book.typed_addresses import check_typed_address
from communications.errors import InvalidAddress
from communications.vocabulary.number_checks import NumberStanding, number_standing

FULL_WIDTH = {ord(character): ord(character) + 0xFEE0 for character in "+0123456789"}


@pytest.mark.parametrize(
    "number",
    [
        *("+447700900000", "+447700900999", "+441632960123", "+441154960001", "+442896496123"),
        *("+449098790001", "+33639981234", "+33199001234", "+353209101234", "+61255501234"),
        *("+61491570156", "+12125550123", "+18005550199", "+4915228817386", "+493023125123"),
    ],
)
def test_what_regulators_keep_for_fiction_is_taken(number: str) -> None:
    assert number_standing(number) is NumberStanding.CONFIRMED


@pytest.mark.parametrize(
    "number",
    ["+447400123456", "+4915112345678", "+5511987654321", "+551187654321", "+5215512345678"],
)
def test_what_a_network_has_is_taken_in_every_form(number: str) -> None:
    assert number_standing(number) is NumberStanding.CONFIRMED


@pytest.mark.parametrize("number", ["+449460018", "+445550100", "+447700901123", "+33639971234"])
def test_what_only_has_the_right_length_is_possible(number: str) -> None:
    assert number_standing(number) is NumberStanding.POSSIBLE


@pytest.mark.parametrize(
    ("typed", "region", "why"),
    [
        ("12345", "GB", "short code"),
        ("68849", "GB", "short code"),
        ("5550100", "US", "area code"),
        ("555-0100", "CA", "area code"),
        ("68849", "US", "too few or too many"),
        ("112", "GB", "too few or too many"),
        ("110", "DE", "short code"),
        ("+12345", "GB", "too few or too many"),
        ("+44", "GB", "not a telephone number"),
        ("FLOWERS", "US", "not a telephone number"),
        ("", "GB", "not a telephone number"),
        ("1-800-FLOWERS", "GB", "letters"),
        ("+1-800-FLOWERS", "GB", "letters"),
        ("(800) FLOWERS", "US", "letters"),
        ("0800 FLOWERS", "GB", "letters"),
        ("020 7946 0018 ext. 5", "GB", "extension"),
        ("tel:+44-7700-900123;ext=3", "GB", "extension"),
        ("07700 900123 x12", "GB", "extension"),
        ("0770 OOO 1234", "GB", "letters"),
        ("07700 9OO123", "GB", "letters"),
        ("Amelia 07700 900123", "GB", "letters"),
        ("07700 900123 or so", "GB", "letters"),
    ],
)
def test_what_reaches_nobody_is_refused_also_where_somebody_insists(
    typed: str, region: str, why: str
) -> None:
    for allow_unconfirmed in (False, True):
        with pytest.raises(InvalidAddress, match=why):
            check_typed_address("sms", typed, region=region, allow_unconfirmed=allow_unconfirmed)


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("946 0018", "GB", "+449460018"),
        ("5550100", "GB", "+445550100"),
        ("68849", "DE", "+4968849"),
        ("+4912345", "GB", "+4912345"),
        ("0500 123456", "GB", "+44500123456"),
    ],
)
def test_what_no_network_has_is_taken_where_somebody_insists(
    typed: str, region: str, number: str
) -> None:
    with pytest.raises(InvalidAddress, match=f"No network .*{number[1:]}.* are sure"):
        check_typed_address("whatsapp", typed, region=region)
    taken = check_typed_address("whatsapp", typed, region=region, allow_unconfirmed=True)
    assert taken == number == normalise_number(typed, region=region)


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("0044 (0)7700 900123", "GB", "+447700900123"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", "+447700900123"),
        ("+447700900123".translate(FULL_WIDTH), "DE", "+447700900123"),
        ("(800) 356-9377", "US", "+18003569377"),
        ("tel:+44-7700-900123", "US", "+447700900123"),
        ("+52 1 55 1234 5678", "GB", "+525512345678"),
    ],
)
def test_however_it_is_written(typed: str, region: str, number: str) -> None:
    assert check_typed_address("sms", typed, region=region) in (
        number,
        number.replace("+52", "+521"),
    )


@given(st.from_regex(r"\+?[0-9]{1,17}", fullmatch=True), st.sampled_from(["GB", "US", "DE", "AU"]))
@example("000000", "DE")
@settings(max_examples=50, deadline=None)
def test_whatever_is_typed_is_a_number_in_its_one_form_or_refused(typed: str, region: str) -> None:
    try:
        taken = check_typed_address("sms", typed, region=region, allow_unconfirmed=True)
    except InvalidAddress:
        return
    assert check_typed_address("sms", taken, region="FR", allow_unconfirmed=True) == taken
    assert number_standing(taken) in (NumberStanding.CONFIRMED, NumberStanding.POSSIBLE)
