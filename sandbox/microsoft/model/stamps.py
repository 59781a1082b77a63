"""How Graph writes an instant."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Formats as ``2026-11-26T10:53:27Z``; with fractions only if there are."""
    spelled = "microseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=spelled).replace("+00:00", "Z")
