"""What a name is when nobody minds how it is spelled: folded, by sound, by nickname."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from rapidfuzz.distance import JaroWinkler

# Letters that no accent can be taken from.
LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",
    },
)
# A second way to write the same letter: Müller is Mueller as well as Muller.
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
# More than one person.
SEVERAL = re.compile(r"[&+/]|\b(?:and|und|et|y|e)\b", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")
TITLES = frozenset(
    ("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "lady", "rev", "herr", "frau", "and")
)
# Each line is one name.
NICKNAMES = """
alexander alex sasha xander sandy
alexandra alex sasha sandra lexi
andrew andy drew
andreas andi
anna anne ann annie nan
anthony tony
antonio toni tonio
barbara barb babs
benjamin ben benny benji
catherine katherine katharine kathryn katharina katarina cathy kathy kate katie kat kitty trine
charles charlie chuck
charlotte charlie lottie lotte
christine christina kristina chris chrissy tina
christopher chris kit topher
christian chris
daniel dan danny
david dave davy
deborah deb debbie
dorothy dot dottie
edward ed eddie ted ned
eleanor ellie nell nora
elizabeth elisabeth liz lizzie beth betty eliza lisa libby lilibet elsbeth sissi
emily em emmy
francisco paco pancho
frederick friedrich fred freddie fritz
gabriel gabe
gregory greg
hannah hanna
heinrich heinz
isabella isabel isabelle bella izzy
jacob jake
james jim jimmy jamie
jennifer jen jenny jenna
jessica jess jessie
johannes hannes johann hans
john jack johnny
jonathan jon jonny
jose pepe
joseph joe joey josef sepp
joshua josh
judith judy
kenneth ken kenny
lawrence larry laurence
leonard leo len lenny
margaret maggie meg peggy greta margarethe rita
maria mary marie mia molly
matthew matt matthias
maximilian max
michael mike mick mickey micha mikey
nathaniel nathan nate nat
nicholas nick nicky nico niklas nikolaus klaus
oliver ollie
pamela pam
patricia pat patty tricia trish
patrick pat paddy
peter pete
philip phil phillip philipp
rebecca becca becky
richard rick rich dick ricky
robert rob bob bobby robbie bert
ronald ron ronnie
samantha sam sammy
samuel sam sammy
sarah sara sally
sebastian seb bastian basti
stephanie steph steffi
stephen steven steve stefan stephan
susan susanna suzanne sue susie
theodore theo ted teddy
thomas tom tommy
timothy tim timmy
ulrich uli
valentina val tina
victoria vicky tori
vincent vince
william bill billy will willy wilhelm liam
wolfgang wolf
zachary zach zac
"""


@cache
def nicknames() -> dict[str, frozenset[str]]:
    """Returns, by name, every name that may be the same person's, itself included."""
    found: dict[str, frozenset[str]] = {}
    for line in NICKNAMES.splitlines():
        for name in (group := frozenset(line.split())):
            found[name] = found.get(name, frozenset()) | group
    return found


def name_variants(word: str) -> frozenset[str]:
    """Returns every name that may stand for a folded word, itself included."""
    return nicknames().get(word, frozenset([word]))


def fold_text(text: str) -> str:
    """Returns the text in lower case and without accents, of plain letters where there are such."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(LETTERS))
    return "".join(character for character in plain if not unicodedata.combining(character))


def spelled_out(text: str) -> str:
    """Returns the text folded, with umlauts as two letters: the other way to write them."""
    lower = unicodedata.normalize("NFC", text.casefold())
    return fold_text("".join(UMLAUTS.get(character, character) for character in lower))


def name_words(text: str) -> list[str]:
    """Returns the words that tell people apart; titles only where there is nothing else."""
    found = WORD.findall(fold_text(text))
    return [word for word in found if word not in TITLES] or found


# --- sound ---

SOUNDS = (
    (re.compile(r"ph"), "f"),
    (re.compile(r"(?:ck|ch|c|q|g(?=h))"), "k"),
    (re.compile(r"(?:dt|th|d)"), "t"),
    (re.compile(r"(?:tz|z|ß)"), "s"),
    (re.compile(r"[wv]"), "f"),
    (re.compile(r"[yj]"), "i"),
    (re.compile(r"h"), ""),
    (re.compile(r"(.)\1+"), r"\1"),
)
VOWELS = re.compile(r"(?<!^)[aeiou]")


@lru_cache(maxsize=20_000)
def word_sound(word: str) -> str:
    """Returns one key for Katharina and Catarina, Schmidt and Schmitt, Meier and Mayr."""
    for pattern, letter in SOUNDS:
        word = pattern.sub(letter, word)
    return re.sub(r"(.)\1+", r"\1", VOWELS.sub("", word)) or word


def name_sounds(name: str) -> str:
    """Returns a key for finding similar names, in whatever order their words are written."""
    return " ".join(sorted(word_sound(min(name_variants(word))) for word in name_words(name)))[:200]


# --- likeness ---


def name_likeness(first: str, second: str) -> float:
    """Returns from 0 to 1 how alike two names are; the worst of their words decides."""
    shorter, longer = sorted((name_words(first), name_words(second)), key=len)
    if not shorter:
        return 0.0
    left, worst = list(longer), 1.0
    for word in shorter:
        best = max(left, key=lambda candidate: word_likeness(word, candidate))
        worst = min(worst, word_likeness(word, best))
        left.remove(best)
    # A name that lacks a word of the other is a little less sure.
    return worst - 0.05 * min(len(left), 2)


@lru_cache(maxsize=20_000)
def word_likeness(first: str, second: str) -> float:
    if first == second:
        return 1.0
    if second in name_variants(first):
        return 0.97
    if first[0] == second[0] and 1 in {len(first), len(second)}:
        return 0.9
    return float(JaroWinkler.similarity(first, second))


def names_agree(first: str, second: str) -> bool:
    """Returns whether nothing in the two names speaks against one person.

    They are the same words in any order, nicknames, or a family name that only one of them has.
    Spelling mistakes are for a person to judge.
    """
    shorter, longer = sorted((name_words(first), name_words(second)), key=len)
    if not shorter:
        return True
    if bool(SEVERAL.search(first)) != bool(SEVERAL.search(second)):
        # “Amelia & Theo Hart” is not Amelia.
        return False
    if len(shorter) == 1 < len(longer):
        # “Anna” is Anna Weber; “Weber” may be anybody of the family.
        return is_same_word(shorter[0], longer[0])
    left = list(longer)
    for word in shorter:
        twin = next((candidate for candidate in left if is_same_word(word, candidate)), None)
        if twin is None:
            return False
        left.remove(twin)
    return True


def is_same_word(first: str, second: str) -> bool:
    return first == second or second in name_variants(first)


PARTS = ("name", "given_name", "family_name")


def better_name(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, str]:
    """Returns our name for a person, unless it is no name or theirs says the same, fuller."""
    own_name, their_name = (name_parts(fields) for fields in (ours, theirs))
    if not their_name["name"]:
        return own_name
    is_fuller = len(name_words(their_name["name"])) > len(name_words(own_name["name"]))
    if looks_like_address(own_name["name"]) or (
        is_fuller and names_agree(own_name["name"], their_name["name"])
    ):
        return their_name
    if own_name["name"] == their_name["name"] and not (
        own_name["given_name"] or own_name["family_name"]
    ):
        return their_name
    return own_name


def name_parts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: fields.get(name) or "" for name in PARTS}


def looks_like_address(name: str) -> bool:
    """Returns whether a name is what a stranger who wrote is called until somebody knows better."""
    return "@" in name or not any(character.isalpha() for character in name)
