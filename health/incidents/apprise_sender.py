"""Apprise: mail, Slack, Teams and a hundred others behind one kind of address."""

import apprise


def send_by_apprise(url: str, title: str, body: str, *, is_good: bool) -> str:
    """Returns what stood in the way; empty if the channel took it."""
    messenger = apprise.Apprise()
    if not messenger.add(url):
        return "Apprise does not understand this address."
    kind = apprise.NotifyType.SUCCESS if is_good else apprise.NotifyType.WARNING
    if messenger.notify(body=body, title=title, notify_type=kind):
        return ""
    return "The channel did not take it, or did not answer."
