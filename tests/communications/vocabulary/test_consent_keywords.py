"""Who says stop is heard, however it is typed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communications.vocabulary.consent.consent_keywords import (
    Consent,
    classify_reply,
    is_opt_out_button,
    is_sms_opt_in,
    normalise_reply,
)
from communications.vocabulary.consent.consent_phrases import (
    MESSAGE_WORDS,
    STOPPING_WORDS,
)
from communications.vocabulary.consent.consent_words import (
    AMBIGUOUS_OPT_OUT_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
)

ALL_OPT_OUT = [word for words in OPT_OUT_WORDS.values() for word in words]
ALL_AMBIGUOUS = [word for words in AMBIGUOUS_OPT_OUT_WORDS.values() for word in words]
ALL_OPT_IN = [word for words in OPT_IN_WORDS.values() for word in words]
# What people and their telephones put around a word without meaning anything by it.
DECORATION = st.text("  .!?…,;:'\"“”„«»()*_-~🙏😡🛑❤️\u200b\u200d\ufeff\u00ad\n\t", max_size=4)


def shouted(word: str, flags: list[bool]) -> str:
    return "".join(
        letter.upper() if flag else letter
        for letter, flag in zip(word, flags * len(word), strict=False)
    )


@given(
    st.sampled_from(ALL_OPT_OUT + ALL_AMBIGUOUS),
    st.lists(st.booleans(), min_size=1, max_size=8),
    DECORATION,
    DECORATION,
)
def test_case_punctuation_emoji_and_invisible_characters_do_not_matter(
    word: str, flags: list[bool], before: str, after: str
) -> None:
    assert classify_reply(before + shouted(word, flags) + after) == Consent.OPT_OUT


@given(st.sampled_from(ALL_OPT_IN), st.lists(st.booleans(), min_size=1, max_size=8), DECORATION)
def test_who_asks_for_messages_again_is_heard_as_well(
    word: str, flags: list[bool], after: str
) -> None:
    assert classify_reply(shouted(word, flags) + after) == Consent.OPT_IN


@pytest.mark.parametrize(
    "text",
    [
        "Stop.",
        "STOP!",
        "Stop please",
        "please stop texting me",
        "STOP ALL",
        "STOPALL",
        "OPT OUT",
        "Opt-out",
        "ARRET",
        "Arrêt",
        "ARRÊTEZ svp",
        "PARAR",
        "BAJA",
        "Abmelden bitte",
        "não quero mais mensagens",
        "S T O P",
        "\uff33\uff34\uff2f\uff30",
        "st\u200bop",
        "“Stop”",
        "stop stop stop",
        "STOPPP!!!",
        "Unsubscribe me",
        "Nie wysyłaj!",
        "Cancel",
        "END.",
        "Don’t text me",
        "REMOVE",
        "Remove.",
        "TD",
        "unsub",
        "no more",
        "Rimuovimi",
        "zrezygnuj",
        "Chcę się wypisać",
        "Non scrivetemi più",
        "Dejar de recibir",
        "No me escriban más",
        "nie pisz więcej",
        "Ne plus recevoir",
        "je ne veux plus recevoir de messages",
        "bitte nicht mehr schreiben",
        "Bitte keine Werbung mehr",
        "no quiero recibir mensajes",
        "I don’t want texts anymore",
        "I want to unsubscribe",
        "Stop promotions",
        "please stop all marketing",
        "CANCEL ALL",
        "Cancel my subscription",
        "Stopp Werbung",
        "Werbung abbestellen",
        "avmeld meg",
        "frameld mig",
        "sluta skicka",
        "slutt å sende meldinger",
        "przestań pisać",
        "quero sair",
        "stop berichten",
        "geen reclame meer",
        "STOP PUB",
        "arrêtez d’écrire",
        "STOP AU 36111",
        "stop to 36111",
        "STOP 36111",
        "inga fler erbjudanden",
        "ikke flere beskeder",
        "smettete di scrivermi",
    ],
)
def test_an_opt_out_as_people_type_it(text: str) -> None:
    assert classify_reply(text) == Consent.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "We stop by at three",
        "The bus stop is near the church",
        "please cancel",
        "STOP\n\nSent from my iPhone",
        "Can we unsubscribe the florist from the list?",
        "Not interested",
        "no more please",
        "Ich will keine Werbung",
        "Proszę nie pisać",
        "Plus de pub",
        "Kein Interesse, danke",
        "Don’t stop sending messages",
        "I don’t want to stop messages",
        "Could you cancel that newsletter for Ana?",
        "no more emails about flowers",
        "stop 2",
    ],
)
def test_a_sentence_that_contains_such_a_word_is_for_a_person_to_decide(text: str) -> None:
    assert classify_reply(text) == Consent.POSSIBLE_OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "🙂",
        "Fine",
        "Yes",
        "See you at the end of May, all of us are looking forward to it",
        "We have to cancel the tasting on Friday, sorry about that",
        "Nonstop dancing until four!",
        "Stopford Hall is lovely",
        "I get no messages",
        "No message from the florist yet",
        "para todos",
        "Deja un mensaje",
        "No more wine",
        "Remove the flowers from the list, we take the candles instead",
        "Send more",
        "Yes!",
    ],
)
def test_what_says_nothing_about_messages_is_nothing(text: str) -> None:
    assert classify_reply(text) == Consent.NONE


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert classify_reply(text) in Consent


@pytest.mark.parametrize("word", ALL_OPT_OUT + ALL_AMBIGUOUS + ALL_OPT_IN)
def test_the_tables_hold_words_as_people_write_them(word: str) -> None:
    assert word == word.lower()
    assert normalise_reply(word)
    assert unicodedata.is_normalized("NFC", word)


@pytest.mark.parametrize(
    "text",
    [
        "CONTINUE",
        "wieder anmelden",
        "Rozpocznij",
        "påmeld",
        "Påmeld meg!",
        "Start please",
        "opt me in",
    ],
)
def test_an_opt_in_as_people_type_it(text: str) -> None:
    assert classify_reply(text) == Consent.OPT_IN


@pytest.mark.parametrize("text", ["Yes", "YES!", " yes. ", "“Yes” 🙂"])
def test_a_text_message_asks_for_messages_with_a_yes(text: str) -> None:
    assert is_sms_opt_in(text)
    assert not is_sms_opt_in(f"{text} please")


@given(st.sampled_from(sorted(OPT_OUT_WORDS)), st.data())
def test_a_word_for_stopping_and_what_is_stopped_refuse_in_either_order(
    language: str, data: st.DataObject
) -> None:
    words = [
        data.draw(st.sampled_from(STOPPING_WORDS[language])),
        data.draw(st.sampled_from(MESSAGE_WORDS[language])),
    ]
    text = " ".join(data.draw(st.permutations(words)))
    assert classify_reply(text) == Consent.OPT_OUT
    assert is_opt_out_button(text)


def test_no_word_says_both() -> None:
    opt_in = {normalise_reply(word) for word in ALL_OPT_IN}
    assert not opt_in & {normalise_reply(word) for word in ALL_OPT_OUT + ALL_AMBIGUOUS}


def test_an_organization_has_words_of_its_own() -> None:
    assert classify_reply("Genug!", opt_out_words=["genug"]) == Consent.OPT_OUT
    assert classify_reply("Wieder bitte", opt_in_words=["Wieder"]) == Consent.OPT_IN


@pytest.mark.parametrize(
    ("text", "is_opt_out"),
    [
        ("Stop promotions", True),
        ("Stop offers", True),
        ("STOP", True),
        ("Abmelden", True),
        ("Arrêter les promotions", True),
        ("Werbung stoppen", True),
        ("Angebote abbestellen", True),
        ("Werbung abbestellen", True),
        ("Cancelar promociones", True),
        ("Keine Angebote mehr", True),
        ("Keine Werbung", True),
        ("Werbung aus", True),
        ("Turn off promotions", True),
        ("Bez ofert", True),
        ("Sin promociones", True),
        ("Interrompi promozioni", True),
        ("Disattiva promozioni", True),
        ("Zatrzymaj promocje", True),
        ("Zakończ promocje", True),
        ("No more offers", True),
        ("NO_MORE", True),
        ("STOP_MARKETING_V2", True),
        ("Block promotions", True),
        ("Mute offers", True),
        ("Plus d’offres svp", False),
        ("Stop all weekly offers", True),
        ("Stop by for offers", False),
        ("Don’t stop offers", False),
        ("Nicht abbestellen", False),
        ("No, text me", False),
        ("See offers before they end", False),
        ("Angebote ansehen", False),
        ("See the menu", False),
        ("", False),
    ],
)
def test_a_button_of_a_template_says_no_to_its_kind(text: str, *, is_opt_out: bool) -> None:
    assert is_opt_out_button(text) is is_opt_out
