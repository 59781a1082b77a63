"""Secrets at rest: sealed with the newest of ENCRYPTION_KEYS, opened with any of them.

To rotate: put a new key in front, wait until nothing is stale any more (`is_stale`; whoever keeps
secrets seals them anew by schedule), then drop the old one.
"""

import hmac
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver


class Unreadable(Exception):
    """It was sealed with a key that is not among ENCRYPTION_KEYS any more."""


def seal(text: str) -> str:
    return _keys().encrypt(text.encode()).decode()


def unseal(token: str) -> str:
    """Raises Unreadable."""
    try:
        return _keys().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise Unreadable("No key of ENCRYPTION_KEYS opens it: put the old key back.") from error


def is_stale(token: str) -> bool:
    """Whether it was sealed with another key than the newest."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(token.encode())
    except InvalidToken:
        return True
    return False


def is_same(first: str, other: str) -> bool:
    """Takes equally long wherever they differ; a stranger may have sent any character."""
    texts = (first.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
    return hmac.compare_digest(*texts)


@cache
def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "ENCRYPTION_KEYS":
        _keys.cache_clear()
