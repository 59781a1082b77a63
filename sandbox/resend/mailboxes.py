"""Sent and received mails seen from the other side: what lies in each recipient's mailbox."""

from collections.abc import Iterator
from typing import Any

from sandbox.lib.times import iso

from . import addresses
from .mail import Mail, Received
from .mailroom import Mailroom

Json = dict[str, Any]

# A page cannot show more; the newest mailboxes win.
MAX_MAILBOXES = 500


def mailboxes(room: Mailroom) -> list[Json]:
    """Returns all, newest first: only delivered mail counts for a person, but a test sees all."""
    found: dict[str, Json] = {}
    for mail in room.mails.newest():
        for address in _owners(mail):
            box = found.setdefault(address, _empty(address, mail))
            box["mails"] += 1
            box["unread"] += not mail.seen
    for received in room.received.newest():
        sender = addresses.bare(received.sender) or received.sender
        found.setdefault(sender, _empty(sender, received))["replies"] += 1
    newest = sorted(found.values(), key=lambda box: str(box["latest_at"]), reverse=True)
    return newest[:MAX_MAILBOXES]


def mailbox(room: Mailroom, address: str, limit: int) -> Json:
    wanted = address.lower()
    entries = [*_sent_to(room, wanted, limit), *_written_by(room, wanted, limit)]
    entries.sort(key=lambda entry: str(entry["created_at"]), reverse=True)
    return {"address": wanted, "entries": entries[:limit]}


def _sent_to(room: Mailroom, address: str, limit: int) -> Iterator[Json]:
    for mail in room.mails.newest():
        if address in _owners(mail):
            yield {**mail.in_full(), "direction": "to them"}
            limit -= 1
        if limit <= 0:
            return


def _written_by(room: Mailroom, address: str, limit: int) -> Iterator[Json]:
    for received in room.received.newest():
        if addresses.bare(received.sender) == address:
            yield {**received.as_json(), "direction": "from them"}
            limit -= 1
        if limit <= 0:
            return


def _owners(mail: Mail) -> list[str]:
    return list(dict.fromkeys(addresses.bare(address) or address for address in mail.recipients))


def _empty(address: str, latest: Mail | Received) -> Json:
    return {
        "address": address,
        "mails": 0,
        "unread": 0,
        "replies": 0,
        "latest_at": iso(latest.created_at),
        "latest_subject": latest.subject,
    }
