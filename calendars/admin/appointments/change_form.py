"""The form behind "Move or change"."""

from datetime import datetime, time
from typing import Any

from django import forms

from calendars.admin.appointments.booking_form import (
    DURATIONS,
    AppointmentForm,
)
from calendars.appointments import rescheduling
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.models import Appointment, ParticipantRole
from communications.errors import NotPossible, Refused, Stale
from wedsync_comms.lib.admin_kit.scope import Scope


class ChangeForm(AppointmentForm):
    # What was looked at: anything newer is not overwritten.
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, scope: Scope, appointment: Appointment, **kwargs: Any) -> None:
        super().__init__(*args, scope=scope, initial=current_values(appointment), **kwargs)
        self.appointment = appointment
        fields: dict[str, Any] = self.fields
        if appointment.is_all_day:
            del fields["at"], fields["duration"]
            return
        minutes = length_minutes(appointment)
        if minutes not in dict(DURATIONS):
            own = (minutes, f"{minutes} minutes, as now")
            fields["duration"].choices = sorted([*DURATIONS, own])
        else:
            fields["duration"].choices = DURATIONS

    def clean(self) -> dict[str, Any]:
        return self.cleaned_data if self.appointment.is_all_day else super().clean()

    def change(self, user: Any) -> Appointment | None:
        """Changes it. Returns None, with errors on their fields, if it was refused."""
        data, (start, end) = self.cleaned_data, self.times()
        edit = AppointmentEdit(
            title=data["title"],
            description=data["description"],
            place=data["place"],
            start=start,
            end=end,
            participants=list(self.invitees()),
        )
        try:
            return rescheduling.change_appointment(
                self.appointment, edit, version=data["version"], by=user
            )
        except (Refused, NotPossible, Stale) as error:
            self.refuse(error)
            return None

    def times(self) -> tuple[datetime, datetime]:
        now = self.appointment
        if now.is_all_day:
            start = datetime.combine(self.cleaned_data["day"], time())
            return start, start + (now.wall_end - now.wall_start)
        start, end = self.span()
        # An hour that clocks show twice stays the one it is while its time stays.
        if start == now.wall_start.replace(fold=0):
            start = now.wall_start
        if end == now.wall_end.replace(fold=0):
            end = now.wall_end
        return start, end


def length_minutes(appointment: Appointment) -> int:
    return int((appointment.wall_end - appointment.wall_start).total_seconds() // 60)


def current_values(appointment: Appointment) -> dict[str, Any]:
    people: dict[str, Any] = {role.value: [] for role in ParticipantRole}
    others = []
    for participant in appointment.participants.all():
        if participant.contact_id:
            people[participant.role].append(participant.contact_id)
        else:
            others.append(participant.email)
    return {
        "title": appointment.title,
        "day": appointment.wall_start.date(),
        "at": appointment.wall_start.time(),
        "duration": length_minutes(appointment),
        "place": appointment.place,
        "description": appointment.description,
        "addresses": "\n".join(others),
        "version": appointment.version,
        **people,
    }
