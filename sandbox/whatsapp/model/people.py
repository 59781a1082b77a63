"""Who a message is for or from: a number as it is written, as WhatsApp knows it, or neither."""

import base64
import re
import secrets

DIGITS = re.compile(r"[1-9]\d{6,14}")
# Since 2026 a person may hide the number; the business then sees an id of its own for them.
USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")

BRAZIL = re.compile(r"55([3-9]\d)9(\d{8})")
MEXICO = re.compile(r"52([2-9]\d{9})")
IVORY_COAST = re.compile(r"225(?:0[157]|2[157])(\d{8})")


def phone(given: str) -> str | None:
    """Returns ``+`` and digits, or an id of a person; None if it is neither."""
    if USER_ID.fullmatch(given):
        return given
    digits = re.sub(r"[\s().-]", "", given).removeprefix("+")
    return f"+{digits}" if DIGITS.fullmatch(digits) else None


def is_hidden(phone: str) -> bool:
    return not phone.startswith("+")


def wa_id(phone: str) -> str:
    """Returns the id, not always the number.

    Brazil's ninth digit and Mexico's 1 come and go; Ivory Coast's two digits of 2021 never came.
    """
    digits = phone.removeprefix("+")
    if found := BRAZIL.fullmatch(digits):
        return f"55{found[1]}{found[2]}"
    if found := MEXICO.fullmatch(digits):
        return f"521{found[1]}"
    if found := IVORY_COAST.fullmatch(digits):
        return f"225{found[1]}"
    return digits


def new_wamid(phone: str, *, ours: bool) -> str:
    """Looks like the real ones, which are longer than one would think."""
    who = phone.removeprefix("+").encode()
    kind, length = (b"\x11\x18\x12", 9) if ours else (b"\x12\x18\x14", 10)
    unique = secrets.token_hex(length).upper().encode()
    packed = b"\x1c\x18" + bytes([len(who)]) + who + b"\x15\x02\x00" + kind + unique + b"\x00"
    return "wamid." + base64.b64encode(packed).decode()
