"""Who is told about a change: planned with the change, in its transaction."""

from typing import Any

from calendars.models import Appointment, What


def plan(
    appointment: Appointment,
    what: What,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    del appointment, what, before, after
