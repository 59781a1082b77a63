"""What staff does with an appointment by a click: cancels it, or decides a problem."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from calendars.admin.object_pages import Action, ActionDone
from calendars.appointments import conflicts, rescheduling
from calendars.models import Appointment

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def cancel_by_staff(request: HttpRequest, appointment: Appointment) -> ActionDone:
    rescheduling.cancel_appointment(appointment, by=cast("User", request.user))
    return ActionDone("Cancelled. Everybody who takes part is told.", log="Cancelled.")


def accept_by_staff(_request: HttpRequest, appointment: Appointment) -> ActionDone:
    trouble = appointment.trouble
    conflicts.accept_as_is(appointment)
    return ActionDone("It stays as it is.", log=f"Looked at: {trouble}")


def take_theirs_by_staff(request: HttpRequest, appointment: Appointment) -> ActionDone:
    trouble = appointment.trouble
    conflicts.accept_remote(appointment, by=cast("User", request.user))
    message = "Taken over. The calendar has it in a moment."
    return ActionDone(message, log=f"Took what the calendar said: {trouble}")


APPOINTMENT_ACTIONS: Mapping[str, Action] = {
    "cancel": cancel_by_staff,
    "accept": accept_by_staff,
    "take": take_theirs_by_staff,
}
