"""The two spellings of a moment that the providers use, and reading one back."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """Formats as webhooks do: ``2023-10-06T23:47:56.678Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def postgres(moment: datetime) -> str:
    """Formats as Resend's API does: ``2023-04-03 22:13:42.674981+00``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") + "+00"


def parse(text: str) -> datetime | None:
    """Parses ISO 8601, as UTC if it has no offset; None if it is something else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)
