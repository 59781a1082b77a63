"""Where administrators are told: every address of ALERT_URLS, or else ADMINS by e-mail."""

import hashlib
from dataclasses import dataclass

import apprise
from django.conf import settings
from django.core.mail import mail_admins

ADMINS = "admins"
LONGEST_WORD = 500


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
    made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    found = made.url(privacy=True) if made else f"{url.partition(':')[0]}://…"
    return str(found).partition("?")[0][:200]


def tell(channel: Channel, title: str, body: str, *, is_good: bool) -> None:
    """Talks to the channel. Raises NotTold."""
    if channel.key == ADMINS:
        tell_admins(title, body)
        return
    messenger = apprise.Apprise()
    if not messenger.add(channel.url):
        raise NotTold("Apprise does not understand this address.")
    kind = apprise.NotifyType.SUCCESS if is_good else apprise.NotifyType.WARNING
    if not messenger.notify(body=body, title=title, notify_type=kind):
        raise NotTold("The channel did not take it, or did not answer.")


def tell_admins(title: str, body: str) -> None:
    try:
        mail_admins(title, body)
    except OSError as error:
        # Also what smtplib raises: its exceptions are OSErrors.
        raise NotTold(f"{type(error).__name__}: {error}"[:LONGEST_WORD]) from error
