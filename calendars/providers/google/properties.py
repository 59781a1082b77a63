"""What of ours is in Google's items: private properties of events, client data of people.

https://developers.google.com/workspace/calendar/api/guides/extended-properties
"""

from collections.abc import Mapping
from typing import Any

from calendars.vocabulary.events import EventText
from wedsync_comms.lib.shapes import as_dict

# The appointment's (or the contact's) key, the hash of what we wrote, and the zone of a day, for
# which Google has no place. Client data is shown nowhere, and cannot be searched for either.
KEY, HASH, ZONE = "wedsync", "wedsyncHash", "wedsyncZone"


def private_properties(item: Mapping[str, Any]) -> dict[str, Any]:
    return as_dict(as_dict(item.get("extendedProperties")).get("private"))


def extended_properties(written: EventText, key: str, written_hash: str) -> dict[str, Any]:
    private = {HASH: written_hash, ZONE: written.start.zone}
    return {"private": {KEY: key, **private} if key else private}
