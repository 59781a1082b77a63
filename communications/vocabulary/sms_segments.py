"""How many SMS a text is. https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding"""

from dataclasses import dataclass, field, replace

# 3GPP TS 23.038: the default alphabet, and what costs two places because it is escaped.
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = "^{}\\[~]|€\f"
# Places in a single message, and in each of several, whose headers take the rest.
GSM_PLACES, UCS2_PLACES = (160, 153), (70, 67)


@dataclass(frozen=True)
class Segments:
    """`encoding` is "GSM-7" or "UCS-2"; `left` is how much still fits into the last segment."""

    encoding: str
    count: int
    left: int
    # What makes it UCS-2, each character once.
    unusual: str = field(default="", compare=False)


def count_segments(text: str) -> Segments:
    """Characters outside GSM-7, like “ or an emoji, make the whole text UCS-2: 70 a message."""
    unusual = "".join(
        dict.fromkeys(
            character for character in text if character not in GSM and character not in ESCAPED
        )
    )
    if not unusual:
        return fill_segments(
            "GSM-7", [2 if character in ESCAPED else 1 for character in text], *GSM_PLACES
        )
    widths = [len(character.encode("utf-16-be")) // 2 for character in text]
    return replace(fill_segments("UCS-2", widths, *UCS2_PLACES), unusual=unusual)


def fill_segments(encoding: str, widths: list[int], single: int, several: int) -> Segments:
    """Returns how many segments characters fill, and the places left in the last.

    A character that takes two places is never cut in half: it moves to the next segment.
    """
    if sum(widths) <= single:
        return Segments(encoding, 1, single - sum(widths))
    count, used = 1, 0
    for width in widths:
        if used + width > several:
            count, used = count + 1, 0
        used += width
    return Segments(encoding, count, several - used)
