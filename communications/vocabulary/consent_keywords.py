"""What people write to be left alone, or to be written to again: words by language, and how they
are recognised however they are typed.

Sources: the words that Twilio takes by default
(https://help.twilio.com/articles/223134027), those that the FCC names as always enough
(https://www.federalregister.gov/d/2024-04587, § 64.1200(a)(10)), and the everyday words of the
languages we serve for "unsubscribe" and "stop".
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

from django.db.models import TextChoices

# Longer texts are letters, not replies to a keyword; what is beyond is not looked at.
MAX_LENGTH = 1_000
# A message of so few words with an ambiguous keyword in it is worth a person's look.
SHORT_WORDS = 3


class Consent(TextChoices):
    """What a message says about being written to."""

    NONE = "", "nothing"
    OPT_OUT = "opt_out", "opt-out"
    OPT_IN = "opt_in", "opt-in"
    # It contains such a word among others: for a person to decide.
    POSSIBLE_OPT_OUT = "possible_opt_out", "possible opt-out"


# Unmistakable: with a polite word beside them they mean the same, and in a sentence they are worth
# a look. Here, and in the tables below, as people write them; they are compared as
# `normalise_reply` leaves them.
OPT_OUT_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "stop",
        "stopall",
        "stop all",
        "unsubscribe",
        "unsubscribe all",
        "optout",
        "opt out",
        "opt me out",
        "remove me",
        "take me off",
        "no more messages",
        "no more texts",
        "do not contact me",
        "don’t contact me",
        "do not text me",
        "don’t text me",
        "do not message me",
        "don’t message me",
        "leave me alone",
    ),
    "de": (
        "stopp",
        "abmelden",
        "abmeldung",
        "abbestellen",
        "austragen",
        "keine nachrichten mehr",
        "keine sms mehr",
    ),
    "fr": (
        "arrêt",
        "arrête",
        "arrêtez",
        "arrêter",
        "arrett",
        "désabonner",
        "désabonnement",
        "désabonnez-moi",
        "me désabonner",
        "se désabonner",
        "désinscrire",
        "désinscription",
        "plus de messages",
    ),
    "es": (
        "parar",
        "baja",
        "alto",
        "dar de baja",
        "darme de baja",
        "darse de baja",
        "detener",
        "desuscribir",
        "desuscribirme",
        "no más mensajes",
    ),
    "it": (
        "basta",
        "disiscrivi",
        "disiscrivimi",
        "disiscrivermi",
        "annulla iscrizione",
        "cancellami",
        "disdici",
        "niente più messaggi",
    ),
    "pt": (
        "pare",
        "parem",
        "descadastrar",
        "descadastre",
        "remover inscrição",
        "cancelar inscrição",
        "cancelar subscrição",
        "não quero mais mensagens",
    ),
    "nl": ("afmelden", "uitschrijven", "stoppen", "geen berichten meer"),
    "sv": ("stoppa", "avregistrera", "avanmäl", "avanmälan", "avprenumerera", "inga fler sms"),
    "da": ("afmeld", "afmeld mig", "frameld", "framelding", "ingen flere beskeder"),
    "no": ("avmeld", "meld av", "meld meg av", "ingen flere meldinger"),
    "pl": (
        "rezygnuję",
        "rezygnacja",
        "wypisz",
        "wypisz mnie",
        "wypisuję się",
        "usuń mnie",
        "nie wysyłaj",
    ),
}
# Words that also mean something else ("the end", "cancel the tasting"): they count alone only.
AMBIGUOUS_OPT_OUT_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("cancel", "end", "quit", "revoke"),
    "de": ("abbrechen", "beenden", "ende", "widerruf", "widerrufen", "kündigen", "kuendigen"),
    "fr": ("fin", "annuler", "résilier"),
    "es": ("cancelar", "fin", "salir"),
    "it": ("annulla", "cancella", "ferma"),
    "pt": ("cancelar", "sair", "remover", "fim"),
    "nl": ("einde", "opzeggen", "annuleren"),
    "sv": ("avsluta", "sluta", "avbryt"),
    "da": ("afslut", "slut", "annuller"),
    "no": ("avslutt", "slutt", "avbryt"),
    "pl": ("anuluj", "koniec"),
}
OPT_IN_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("start", "unstop", "subscribe", "resubscribe", "optin", "opt in", "resume"),
    "de": ("anmelden", "starten", "fortsetzen"),
    "fr": ("démarrer", "commencer", "reprendre", "s’abonner", "réabonner"),
    "es": ("alta", "iniciar", "empezar", "darme de alta", "suscribir", "reanudar"),
    "it": ("inizia", "iscrivimi", "riprendi"),
    "pt": ("iniciar", "começar", "inscrever", "retomar"),
    "nl": ("aanmelden", "inschrijven", "hervatten"),
    "sv": ("starta", "prenumerera", "återuppta"),
    "da": ("tilmeld", "tilmeld mig", "genoptag"),
    "no": ("meld på", "påmelding", "gjenoppta"),
    "pl": ("zapisz", "zapisz mnie", "wznów"),
}
# What may stand beside an unmistakable word without changing what it means.
POLITE_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        *("please", "pls", "plz", "now", "immediately", "thanks", "thank", "you", "thx", "ty"),
        *("it", "this", "that", "these", "me", "us"),
        *("texting", "messaging", "writing", "contacting", "sending"),
        *("text", "texts", "message", "messages", "sms", "whatsapp"),
    ),
    "de": ("bitte", "danke", "jetzt", "sofort", "mir", "mich"),
    "fr": ("svp", "s", "il", "vous", "te", "plait", "merci", "moi", "maintenant"),
    "es": ("por", "favor", "gracias", "ya"),
    "it": ("per", "favore", "grazie", "subito"),
    "pt": ("obrigado", "obrigada"),
    "nl": ("alstublieft", "aub", "dank", "je"),
    "sv": ("tack", "snälla"),
    "da": ("tak", "venligst"),
    "no": ("takk", "vennligst"),
    "pl": ("proszę", "dziękuję"),
}


# A letter three times or more.
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
# Letters that Unicode does not take apart into a base letter and an accent.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "\u0131": "i"}
)


def normalise_reply(text: str) -> str:
    """Returns the words of a text: lower case, without accents, punctuation, emoji or characters
    that nobody sees. Letters typed apart ("S T O P") are put together, and what is drawn out
    ("stoppp") is not."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_LENGTH]).casefold().translate(_LETTERS)
    kept = "".join(_shown(character) for character in decomposed)
    words = [_DRAWN_OUT.sub(r"\1", word) for word in kept.split()]
    if len(words) > 1 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    # Said again and again, it is said once.
    return " ".join(word for word, _ in groupby(words))


def _shown(character: str) -> str:
    """What is left of a character: letters and digits, a space for what separates, and nothing
    for accents and invisible characters."""
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me"}:
        return ""
    return character if category[0] in "LN" else " "


def _words_of(table: dict[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(normalise_reply(word) for words in table.values() for word in words)


_OPT_OUT = _words_of(OPT_OUT_WORDS)
_AMBIGUOUS = _words_of(AMBIGUOUS_OPT_OUT_WORDS)
_OPT_IN = _words_of(OPT_IN_WORDS)
_POLITE = _words_of(POLITE_WORDS)


def classify_reply(
    text: str,
    *,
    opt_out_words: Iterable[str] = (),
    opt_in_words: Iterable[str] = (),
) -> Consent:
    """Returns what a message says about being written to. `opt_out_words` and `opt_in_words` are
    an organization's own beside ours; they count alone or beside a polite word."""
    reply = normalise_reply(text)
    own_out = {normalise_reply(word) for word in opt_out_words} - {""}
    own_in = {normalise_reply(word) for word in opt_in_words} - {""}
    opt_out = _OPT_OUT | own_out
    if reply in own_in:
        return Consent.OPT_IN
    if reply in _AMBIGUOUS or _is_only(reply, opt_out):
        return Consent.OPT_OUT
    if _is_only(reply, _OPT_IN | own_in):
        return Consent.OPT_IN
    return Consent.POSSIBLE_OPT_OUT if _mentions(reply, opt_out) else Consent.NONE


def is_opt_out_button(text: str) -> bool:
    """Whether a template's quick reply says no to its kind ("Stop promotions")."""
    words = normalise_reply(text).split()
    return bool(words) and any(
        " ".join(words[:length]) in _OPT_OUT for length in range(1, len(words) + 1)
    )


def _is_only(reply: str, keywords: frozenset[str] | set[str]) -> bool:
    """Whether nothing but one of the keywords and polite words was written."""
    if reply in keywords:
        return True
    words = reply.split()
    while words and words[0] in _POLITE:
        words = words[1:]
    while words and " ".join(words) not in keywords and words[-1] in _POLITE:
        words = words[:-1]
    return " ".join(words) in keywords


def _mentions(reply: str, keywords: frozenset[str] | set[str]) -> bool:
    padded = f" {reply} "
    if any(f" {keyword} " in padded for keyword in keywords):
        return True
    words = reply.split()
    return len(words) <= SHORT_WORDS and any(word in _AMBIGUOUS for word in words)
