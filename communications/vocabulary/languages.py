"""Language tags as people, address books and Meta write them (EN, en-GB, pt_BR), compared.

https://www.rfc-editor.org/rfc/rfc5646 says how they are made; Meta writes them with underscores:
https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/supported-languages
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.conf.locale import LANG_INFO

# https://www.loc.gov/standards/iso639-2/php/code_list.php (two letters), and three-letter ones
# that Meta or telephones use.
CODES = frozenset(
    (  # noqa: SIM905 (a list of 188 lines says no more)
        "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy "
        "da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht "
        "hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky "
        "la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn nr nv ny oc "
        "oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
        "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za "
        "zh zu ckb fil gsw prs"
    ).split()
)
# What is written differently and means the same.
ALIASES = {
    "no": "nb",
    "iw": "he",
    "in": "id",
    "tl": "fil",
    "ji": "yi",
    # Three letters, as some address books have them.
    "eng": "en",
    "deu": "de",
    "ger": "de",
    "fra": "fr",
    "fre": "fr",
    "spa": "es",
    "ita": "it",
    "por": "pt",
    "nld": "nl",
    "dut": "nl",
    "swe": "sv",
    "dan": "da",
    "nor": "nb",
    "nob": "nb",
    "pol": "pl",
}
CHINESE_SCRIPTS = {"CN": "Hans", "SG": "Hans", "TW": "Hant", "HK": "Hant", "MO": "Hant"}
TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:[-_](?P<script>[a-z]{4}))?(?:[-_](?P<region>[a-z]{2}|\d{3}))?",
    re.IGNORECASE,
)
# What a tag has to be: a language, perhaps with a script and a country.
EXAMPLES = "write it like en, en_GB or pt_BR."


class LanguageTag(NamedTuple):
    language: str
    script: str = ""
    region: str = ""

    def __str__(self) -> str:
        return "_".join(filter(None, self))


def parse_tag(value: str) -> LanguageTag | None:
    """Returns what a tag says; None for one that names no language."""
    found = TAG.fullmatch(value.strip())
    if found is None:
        return None
    language, script, region = (part or "" for part in found.groups())
    language = ALIASES.get(language.lower(), language.lower())
    if language not in CODES:
        return None
    return LanguageTag(language, script.capitalize(), region.upper())


def best_match(
    wanted: str, available: Sequence[str], *, region: str = "", is_strict: bool = False
) -> str | None:
    """Returns which of the available tags a reader of the wanted one is written to in, if any.

    The same country is best, then a text for all countries, then one for `region`. `is_strict`
    has it that another country's is not what was asked for.
    """
    tag = parse_tag(wanted)
    if tag is None:
        return next((value for value in available if value == wanted), None)
    ranked = sorted(
        (rank, value)
        for value in available
        if (rank := match_rank(tag, parse_tag(value), region)) is not None
        and not (is_strict and tag.region and rank > LANGUAGE_ALONE)
    )
    return ranked[0][1] if ranked else None


SAME, LANGUAGE_ALONE, OWN_REGION, OTHER_REGION = range(4)


def match_rank(wanted: LanguageTag, given: LanguageTag | None, region: str) -> int | None:
    if given is None or given.language != wanted.language:
        return None
    scripts = {script for tag in (wanted, given) if (script := script_of(tag))}
    if len(scripts) > 1:
        return None
    if given.region == wanted.region:
        return SAME
    if not given.region:
        return LANGUAGE_ALONE
    return OWN_REGION if given.region == region else OTHER_REGION


def script_of(tag: LanguageTag) -> str:
    if tag.language == "zh" and not tag.script:
        return CHINESE_SCRIPTS.get(tag.region, "")
    return tag.script


def language_label(value: str) -> str:
    """Returns a tag as people read it: its language in English, and the tag."""
    tag = parse_tag(value)
    name = str(LANG_INFO.get(tag.language, {}).get("name", "")) if tag else ""
    return f"{name} ({value})" if name else value
