"""E-mail addresses as Resend takes them: ``email@example.com`` or ``Name <email@example.com>``."""

import re

# No non-ASCII local part: Resend refuses it.
_LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_DOMAIN = r"[^\s@<>\",.\[\]()]{1,63}(?:\.[^\s@<>\",.\[\]()]{1,63})+"
_BARE = re.compile(rf"({_LOCAL})@({_DOMAIN})")
_NAMED = re.compile(rf"[^<>\r\n]*<\s*({_LOCAL}@{_DOMAIN})\s*>")
MAX_LENGTH = 998


def bare(address: str) -> str | None:
    """Returns the address without its name, in small letters; None if it is no address."""
    text = address.strip()
    if len(text) > MAX_LENGTH:
        return None
    named = _NAMED.fullmatch(text)
    found = _BARE.fullmatch(named[1] if named else text)
    if found is None or found[1].startswith(".") or found[1].endswith(".") or ".." in found[1]:
        return None
    return found[0].lower()


def domain(address: str) -> str:
    return (bare(address) or address).rpartition("@")[2]


def as_list(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)
