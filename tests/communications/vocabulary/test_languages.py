"""Language tags of several handwritings, compared."""

import pytest

from communications.vocabulary.languages import best_match, language_label, parse_tag


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        *(("EN", "en"), ("en-gb", "en_GB"), ("pt_BR", "pt_BR"), ("de_AT", "de_AT")),
        *(("zh-hant-tw", "zh_Hant_TW"), ("es-419", "es_419"), (" fr ", "fr"), ("no", "nb")),
        *(("fil", "fil"), ("eng", "en"), ("GER-at", "de_AT")),
    ],
)
def test_a_tag_has_one_form(written: str, tag: str) -> None:
    assert str(parse_tag(written)) == tag


@pytest.mark.parametrize(
    "written", ["", "xx", "xq_DE", "english", "Deutsch", "e", "en_", "en GB", "de-", "ქა", "en;de"]
)
def test_what_names_no_language_is_none(written: str) -> None:
    assert parse_tag(written) is None


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("EN", ["de", "en_US"], "en_US"),
        ("en", ["de", "en_US", "en_GB"], "en_GB"),
        ("en-GB", ["en", "en_GB"], "en_GB"),
        ("de_AT", ["de", "en_US"], "de"),
        ("pt_BR", ["pt_PT", "pt_BR"], "pt_BR"),
        ("pt-br", ["pt_PT"], "pt_PT"),
        ("en-AU", ["en_US", "en_GB"], "en_GB"),
        ("zh-Hant", ["zh_CN", "zh_HK"], "zh_HK"),
        ("zh-Hans-CN", ["zh_TW", "zh_CN"], "zh_CN"),
        ("fr", ["de", "en"], None),
        ("", ["de", ""], ""),
        ("", ["de"], None),
        ("x-pirate", ["de"], None),
    ],
)
def test_somebody_is_written_to_in_the_nearest(
    wanted: str, available: list[str], found: str | None
) -> None:
    assert best_match(wanted, available, region="GB") == found


@pytest.mark.parametrize(
    ("wanted", "found"), [("en-US", "en_US"), ("en", "en_US"), ("EN_GB", None), ("de-AT", "de")]
)
def test_what_is_asked_for_is_not_another_country_s(wanted: str, found: str | None) -> None:
    assert best_match(wanted, ["de", "en_US"], is_strict=True) == found


def test_people_read_the_name_of_a_language() -> None:
    assert language_label("de_AT") == "German (de_AT)"
    assert language_label("zu") == "zu"
