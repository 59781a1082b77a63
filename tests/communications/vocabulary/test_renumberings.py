"""Old forms of telephone numbers: all forms of one find each other, and nobody else's."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.vocabulary.phone_numbers import canonical_number, number_variants
from communications.vocabulary.renumberings import RENUMBERINGS, present_number

SAME = [
    # Brazil, Mexico, Argentina
    ("+551187654321", "+5511987654321"),
    ("+5215512345678", "+525512345678"),
    ("+541123456789", "+5491123456789"),
    ("+543512345678", "+5493512345678"),
    # Ivory Coast: Moov, MTN, Orange; then their landlines
    ("+22501020304", "+2250101020304"),
    ("+22540020304", "+2250140020304"),
    ("+22505020304", "+2250505020304"),
    ("+22586020304", "+2250586020304"),
    ("+22507020304", "+2250707020304"),
    ("+22579020304", "+2250779020304"),
    ("+22597020304", "+2250797020304"),
    ("+22521801234", "+2252121801234"),
    ("+22520001234", "+2252520001234"),
    ("+22520211234", "+2252720211234"),
    ("+22530601234", "+2252730601234"),
    # Benin
    ("+22997123456", "+2290197123456"),
    ("+22921301234", "+2290121301234"),
    # Gabon, with and without the 0
    ("+24107123456", "+24177123456"),
    ("+2417123456", "+24177123456"),
    ("+24106123456", "+24166123456"),
    ("+24105123456", "+24165123456"),
    ("+24102123456", "+24162123456"),
    ("+24104123456", "+24174123456"),
    ("+24101761234", "+24111761234"),
    # Vietnam
    ("+841691234567", "+84391234567"),
    ("+841201234567", "+84701234567"),
    ("+841231234567", "+84831234567"),
    ("+841861234567", "+84561234567"),
    ("+841991234567", "+84591234567"),
    # Colombia, Kosovo
    ("+5714567890", "+576014567890"),
    ("+37744123456", "+38344123456"),
    ("+38649123456", "+38349123456"),
    ("+38138123456", "+38338123456"),
]


@pytest.mark.parametrize(("old", "present"), SAME)
def test_both_forms_are_one_number(old: str, present: str) -> None:
    assert canonical_number(old) == canonical_number(present) == present
    assert set(number_variants(old)) == set(number_variants(present))
    assert {old, present} <= set(number_variants(old))
    assert phonenumbers.is_valid_number(phonenumbers.parse(present))


def test_what_is_over_becomes_todays_and_argentina_stays_as_it_is() -> None:
    assert present_number("+22507020304") == "+2250707020304"
    assert present_number("+541123456789") == "+541123456789"
    assert present_number("+447700900123") == "+447700900123"


@given(st.sampled_from(RENUMBERINGS), st.data())
@hypothesis_settings(max_examples=50)
def test_forms_lead_back_to_each_other(rule: object, data: st.DataObject) -> None:
    old = data.draw(st.from_regex(rule.old, fullmatch=True, alphabet="+0123456789"))  # type: ignore[attr-defined]
    forms = number_variants(old)
    assert old in forms
    assert all(set(number_variants(form)) == set(forms) for form in forms)


@pytest.mark.parametrize("value", ["", "GB.1349", "80888", "+447700900123", "a@b.example", "+225"])
def test_anything_else_is_only_itself(value: str) -> None:
    assert number_variants(value) == (value,)
