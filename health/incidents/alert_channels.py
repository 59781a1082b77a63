"""Where administrators are told: every address of ALERT_URLS, or else ADMINS by e-mail."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import mail_admins
from django.utils.module_loading import import_string

ADMINS = "admins"
# Named and not imported: Apprise takes seconds and 40 MB, and most processes never alert.
MESSENGER = "health.incidents.apprise_sender.tell"
# Where the host is no secret; elsewhere it may be half of a token.
PLAIN = {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
LONGEST = 500


class NotTold(Exception):
    """The channel did not take it."""


@dataclass(frozen=True)
class Channel:
    # What a person may see of it: no tokens, no passwords.
    name: str
    key: str
    url: str


def every() -> list[Channel]:
    if settings.ALERT_URLS:
        return [Channel(shown(url), key(url), url) for url in settings.ALERT_URLS]
    return [Channel("e-mail to ADMINS", ADMINS, "")] if settings.ADMINS else []


def key(url: str) -> str:
    return hashlib.blake2s(url.encode(), digest_size=8).hexdigest()


def shown(url: str) -> str:
    parts = urlsplit(url)
    known = parts.hostname if parts.scheme in PLAIN else None
    # Two of one kind are told apart by the beginning of their key.
    return f"{parts.scheme}://{known or '…'} ({key(url)[:4]})"


def tell(channel: Channel, title: str, body: str, *, is_good: bool) -> None:
    """Talks to the channel. Raises NotTold."""
    if channel.key == ADMINS:
        tell_admins(title, body)
    elif problem := import_string(MESSENGER)(channel.url, title, body, is_good=is_good):
        raise NotTold(problem)


def tell_admins(title: str, body: str) -> None:
    try:
        mail_admins(title, body)
    except OSError as error:
        # Also what smtplib raises: its exceptions are OSErrors.
        raise NotTold(f"{type(error).__name__}: {error}"[:LONGEST]) from error
