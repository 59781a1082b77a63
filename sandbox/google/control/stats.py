"""Counting what there is, and what there is twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sandbox.google.model.accounts import World

from .showing import event_key, person_key

Json = dict[str, Any]


def stats(world: World, key_property: str) -> Json:
    """Counts; ``keys``: how many living events the product knows by the same id."""
    people = [contact for account in world.accounts.values() for contact in account.book.every()]
    events = [
        event
        for calendar in world.calendars.values()
        for event in calendar.events.values()
        if not event.deleted and not event.series
    ]
    mails = [mail["kind"] for mail in world.invitations.sent.newest()]
    return {
        "events": len(events),
        **_counted("", (event_key(entry, key_property) for entry in events)),
        "people": len(people),
        **_counted("people_", (person_key(person, key_property) for person in people)),
        "pushes": len(world.channels.live()),
        "invitations": len(mails),
        "invitations_by_kind": Counter(mails),
    }


def _counted(prefix: str, keys: Iterator[str]) -> Json:
    counts = Counter(key for key in keys if key)
    repeated = {key: times for key, times in counts.items() if times > 1}
    return {f"{prefix}keys": counts, f"{prefix}repeated": repeated}
