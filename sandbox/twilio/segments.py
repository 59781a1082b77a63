"""How many SMS a text takes. https://www.twilio.com/docs/glossary/what-sms-character-limit"""

import math

# GSM 03.38: one septet each, and two for what needs the escape.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("\f^{}\\[~]|€")

GSM_ALONE, GSM_JOINED = 160, 153
UCS2_ALONE, UCS2_JOINED = 70, 67

# What SmartEncoded puts in place of look-alikes that would make the whole text Unicode.
LOOK_ALIKES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2026": "..."}
)


def segments(text: str) -> int:
    if all(char in BASIC or char in ESCAPED for char in text):
        units = sum(2 if char in ESCAPED else 1 for char in text)
        alone, joined = GSM_ALONE, GSM_JOINED
    else:
        units = len(text.encode("utf-16-be", "surrogatepass")) // 2
        alone, joined = UCS2_ALONE, UCS2_JOINED
    return 1 if units <= alone else math.ceil(units / joined)


def smart(text: str) -> str:
    return text.translate(LOOK_ALIKES)
