"""Where administrators are told: every address of ALERT_URLS, or else ADMINS by e-mail."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import mail_admins
from django.utils.module_loading import import_string

ADMINS_KEY = "admins"
# Named and not imported: Apprise takes seconds and 40 MB, and most processes never alert.
MESSENGER = "health.incidents.apprise_sender.send_by_apprise"
# Where the host is no secret; elsewhere it may be half of a token.
PUBLIC_HOST_SCHEMES = {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
MAX_ERROR_CHARACTERS = 500


class AlertNotDelivered(Exception):
    """The channel did not take it."""


@dataclass(frozen=True)
class AlertChannel:
    # What a person may see of it: no tokens, no passwords.
    name: str
    key: str
    url: str


def configured_channels() -> list[AlertChannel]:
    if settings.ALERT_URLS:
        return [
            AlertChannel(redacted_url(url), channel_key(url), url) for url in settings.ALERT_URLS
        ]
    return [AlertChannel("e-mail to ADMINS", ADMINS_KEY, "")] if settings.ADMINS else []


def channel_key(url: str) -> str:
    return hashlib.blake2s(url.encode(), digest_size=8).hexdigest()


def redacted_url(url: str) -> str:
    parts = urlsplit(url)
    known = parts.hostname if parts.scheme in PUBLIC_HOST_SCHEMES else None
    # Two of one kind are told apart by the beginning of their key.
    return f"{parts.scheme}://{known or '…'} ({channel_key(url)[:4]})"


def send_to_channel(channel: AlertChannel, title: str, body: str, *, is_good: bool) -> None:
    """Talks to the channel. Raises NotTold."""
    if channel.key == ADMINS_KEY:
        mail_administrators(title, body)
    elif problem := import_string(MESSENGER)(channel.url, title, body, is_good=is_good):
        raise AlertNotDelivered(problem)


def mail_administrators(title: str, body: str) -> None:
    try:
        mail_admins(title, body)
    except OSError as error:
        # Also what smtplib raises: its exceptions are OSErrors.
        raise AlertNotDelivered(
            f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS]
        ) from error
