"""What a person may say about an appointment that is to be looked at."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.http import HttpRequest

from calendars.appointments import conflicts
from calendars.models import Appointment
from communications.errors import NotPossible, Stale

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# What is to be written into the log; blank: it was refused, and the person was told why.
ConflictAction = Callable[[HttpRequest, Appointment], str]


def accept_by_staff(request: HttpRequest, appointment: Appointment) -> str:
    trouble = appointment.trouble
    try:
        conflicts.accept_as_is(appointment)
    except NotPossible as error:
        messages.warning(request, str(error))
        return ""
    messages.success(request, "It stays as it is.")
    return f"Looked at: {trouble}"


def take_theirs_by_staff(request: HttpRequest, appointment: Appointment) -> str:
    trouble = appointment.trouble
    try:
        conflicts.accept_remote(appointment, by=cast("User", request.user))
    except (NotPossible, Stale) as error:
        messages.warning(request, str(error))
        return ""
    messages.success(request, "Taken over. The calendar has it in a moment.")
    return f"Took what the calendar said: {trouble}"


CONFLICT_ACTIONS: Mapping[str, ConflictAction] = {
    "accept": accept_by_staff,
    "take": take_theirs_by_staff,
}
