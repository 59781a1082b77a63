"""dateTimeTimeZone: wall time without an offset, and the name of a zone.

https://learn.microsoft.com/en-us/graph/api/resources/datetimetimezone
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from sandbox.microsoft.errors import RefusedError, bad

Json = dict[str, Any]

WINDOWS: Mapping[str, str] = WINDOWS_TO_OLSON
# Only some IANA names may be written: those that stand for a Windows zone.
LISTED = frozenset(WINDOWS.values()) | {"UTC", "Etc/GMT", "Asia/Calcutta", "Europe/Kyiv"}
# What Exchange itself calls a zone that came from elsewhere.
STRANGE: Mapping[str, str] = {
    "tzone://Microsoft/Utc": "UTC",
    "tzone://Microsoft/Custom": "UTC",
    "Customized Time Zone": "UTC",
}


@dataclass(frozen=True)
class Wall:
    """``zone`` as it was written: a Windows name, an IANA name, or one of the strange ones."""

    local: datetime
    zone: str

    @property
    def instant(self) -> datetime:
        return self.local.replace(tzinfo=zone_of(self.zone)).astimezone(UTC)

    def shown(self, zone: str) -> Json:
        return show(self.instant.astimezone(zone_of(zone)), zone)


def zone_of(name: str) -> ZoneInfo:
    """Returns the zone of any stored name; ``readable`` decides about those that come in."""
    return ZoneInfo(STRANGE.get(name) or WINDOWS.get(name) or name)


def iana(name: str) -> str:
    return STRANGE.get(name) or WINDOWS.get(name) or name


def is_known(name: str) -> bool:
    """Returns whether the name is known, to be written and to be read in."""
    return name in WINDOWS or name in LISTED


def show(local: datetime, zone: str) -> Json:
    """Shows it with seven digits of a second, as Graph has it."""
    naive = local.replace(tzinfo=None)
    return {"dateTime": naive.isoformat(timespec="microseconds") + "0", "timeZone": zone}


def read(given: Any, name: str) -> Wall:
    """Reads what a client wrote; a Wall comes from Outlook itself, which has names of its own."""
    if isinstance(given, Wall):
        return given
    if not isinstance(given, dict) or not isinstance(given.get("dateTime"), str):
        raise bad(f"The {name} property is required.", "ErrorInvalidRequest")
    zone = given.get("timeZone") or "UTC"
    if not isinstance(zone, str) or not is_known(zone):
        raise unknown_zone(zone)
    return Wall(_naive(given["dateTime"], name), zone)


def unknown_zone(zone: Any) -> RefusedError:
    return RefusedError(
        400,
        "TimeZoneNotSupportedException",
        "A valid TimeZone value must be specified. The following TimeZone value is not "
        f"supported: '{zone}'.",
    )


def missing_window() -> RefusedError:
    return bad(
        "This request requires a time window specified by the query string parameters "
        "StartDateTime and EndDateTime.",
        "ErrorInvalidParameter",
    )


def read_instant(text: str | None, name: str) -> datetime:
    """Reads a parameter of a query: with an offset, or UTC."""
    if not text:
        raise missing_window()
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise bad(f"The value of {name} is not a valid date and time.", "BadRequest") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _naive(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad(f"The value of {name}.dateTime is not a date and time.") from error
    if moment.tzinfo is not None:
        raise bad(f"{name}.dateTime must not have an offset: its zone is in timeZone.")
    return moment
