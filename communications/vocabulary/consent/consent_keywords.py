"""What people write to be left alone, or to be written to again, however they type it.

The words themselves are in `consent_words` and `consent_phrases`.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby, pairwise

from django.db.models import TextChoices

from communications.vocabulary.consent.consent_phrases import (
    HINTS,
    LINKING_WORDS,
    MESSAGE_WORDS,
    MORE_WORDS,
    NO_WORDS,
    STOPPING_WORDS,
    WISHES,
    WRITING_WORDS,
)
from communications.vocabulary.consent.consent_words import (
    AMBIGUOUS_OPT_OUT_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    POLITE_WORDS,
    SMS_OPT_IN_WORDS,
)

# Longer texts are letters, not replies to a keyword; what is beyond is not looked at.
MAX_LENGTH = 1_000
# A message of so few words with an ambiguous keyword in it is worth a person's look.
SHORT_WORDS = 3
# As many may be around a refusal of messages for a person to look at it.
HINTED_WORDS = 8
# The number of a sender, which some are told to write behind the word ("STOP au 36111").
SENDER = re.compile(r"(?: (?:au|to|an|a|al|aan|til|till|do|para))?(?: \d{4,6})$")
# "Stop by on Saturday" is an invitation.
STOPPING_BY = re.compile(r"stop (?:by|in|at|over|off)\b")
# On a button, "No, text me" refuses no messages.
ONE_MESSAGE = frozenset({"message", "text", "mail", "email", "sms", "whatsapp"})


class Consent(TextChoices):
    """What a message says about being written to."""

    NONE = "", "nothing"
    OPT_OUT = "opt_out", "opt-out"
    OPT_IN = "opt_in", "opt-in"
    # It contains such a word among others: for a person to decide.
    POSSIBLE_OPT_OUT = "possible_opt_out", "possible opt-out"


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
_STOPPING = _words_of(STOPPING_WORDS)
_MESSAGES = _words_of(MESSAGE_WORDS)
_WRITING = _words_of(WRITING_WORDS)
# One word each: "don’t" is two to `normalise_reply`.
_NO = _words_of(NO_WORDS) | {"don"}
_MORE = _words_of(MORE_WORDS)
_LINKING = _words_of(LINKING_WORDS) | _POLITE
_REFUSING = _STOPPING | _MESSAGES | _WRITING | _NO | _MORE | _LINKING
_HINTS = _words_of(HINTS)
_WISHES = {normalise_reply(wish): meant for wish, meant in WISHES.items()}


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
    said = SENDER.sub("", reply)
    if reply in _AMBIGUOUS or _is_only(said, opt_out) or _is_only(_without_wish(said), opt_out):
        return Consent.OPT_OUT
    if _is_only(reply, _OPT_IN | own_in):
        return Consent.OPT_IN
    if _refuses_messages(reply):
        return Consent.OPT_OUT
    return Consent.POSSIBLE_OPT_OUT if _mentions(reply, opt_out) else Consent.NONE


def is_sms_opt_in(text: str) -> bool:
    """Whether a text message asks for messages with a word that answers a question elsewhere."""
    return normalise_reply(text) in SMS_OPT_IN_WORDS


def is_opt_out_button(text: str) -> bool:
    """Whether a template's quick reply says no to its kind ("Stop promotions", "Keine Angebote
    mehr", "Disattiva promozioni"), whatever stands around it."""
    reply = normalise_reply(text)
    words = reply.split()
    if not words or STOPPING_BY.match(reply) or _says_not_to_stop(words):
        return False
    begins = any(" ".join(words[:length]) in _OPT_OUT for length in range(1, len(words) + 1))
    names_messages = any(word in _MESSAGES for word in words)
    if begins or (names_messages and any(word in _OPT_OUT for word in words)):
        return True
    return classify_reply(text) is Consent.OPT_OUT or _refuses_kind(words)


def _refuses_kind(words: list[str]) -> bool:
    """Whether nothing but a "no" to messages of a kind was written ("keine Werbung")."""
    return (
        all(word in _REFUSING for word in words)
        and any(word in _NO for word in words)
        and any(word in (_MESSAGES | _WRITING) - ONE_MESSAGE for word in words)
        and not _says_not_to_stop(words)
    )


def _refuses_messages(reply: str) -> bool:
    """Whether nothing but a refusal of messages was written, in words of our tables."""
    words = _without_wish(reply).split()
    return all(word in _REFUSING for word in words) and _names_refusal(words)


def _names_refusal(words: list[str]) -> bool:
    """Whether there is a word for stopping with what is stopped, or "no more" of something."""
    found = set(words)
    if _says_not_to_stop(words):
        return False
    messages, writing = found & _MESSAGES, found & _WRITING
    if found & _NO:
        return bool((found & _MORE and (messages or writing)) or (messages and writing))
    return bool(found & _STOPPING and (messages or writing))


def _says_not_to_stop(words: list[str]) -> bool:
    """Whether a word for stopping has a "not" before it."""
    meant = [word for word in words if word not in _LINKING | _MORE]
    return any(
        word in _NO and following in _STOPPING | _OPT_OUT for word, following in pairwise(meant)
    )


def _without_wish(reply: str) -> str:
    for wish, meant in _WISHES.items():
        if reply.startswith(f"{wish} "):
            return f"{meant}{reply.removeprefix(wish)}"
    return reply


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
    if any(f" {keyword} " in padded for keyword in keywords | _HINTS):
        return True
    words = _without_wish(reply).split()
    if len(words) <= SHORT_WORDS and any(word in _AMBIGUOUS for word in words):
        return True
    return (
        _is_only(reply, _AMBIGUOUS)
        or (len(words) <= HINTED_WORDS and _names_refusal(words))
        or _refuses_kind(words)
    )
