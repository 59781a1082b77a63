"""Free times beside the booking form. What nobody can tell is said, and never offered."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.formats import date_format

from calendars.admin.choices import followed_calendars
from calendars.appointments import availability
from calendars.models import Appointment, Calendar
from calendars.vocabulary.events import Span
from communications.errors import Refused
from communications.models import Organization
from wedsync_comms.lib.admin_kit.scope import Scope

DAYS_OFFERED = 7
# A day's worth of quarters of an hour.
MAX_MINUTES = 24 * 60


class FreeTimesForm(forms.Form):
    day = forms.DateField()
    duration = forms.IntegerField(min_value=5, max_value=MAX_MINUTES)
    calendar = forms.ModelChoiceField(Calendar.objects.none())
    also_free = forms.ModelMultipleChoiceField(Calendar.objects.none(), required=False)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["calendar"].queryset = fields["also_free"].queryset = followed_calendars(scope)

    def offer(self, zone: ZoneInfo, moving: Appointment | None) -> dict[str, Any]:
        data = self.cleaned_data
        calendar: Calendar = data["calendar"]
        organization: Organization = calendar.account.organization
        start = max(midnight_in(data["day"], zone), timezone.now())
        end = midnight_in(data["day"] + timedelta(days=DAYS_OFFERED), zone)
        try:
            found = availability.offer_slots(
                organization,
                start,
                end,
                timedelta(minutes=data["duration"]),
                [calendar.pk, *(other.pk for other in data["also_free"] if other != calendar)],
                moving=moving,
            )
        except Refused as error:
            return {"days": [], "unknown": [], "problem": str(error)}
        unknown = [f"{row.name}: {row.problem}" for row in found.unknown]
        return {"days": times_by_day(found.slots, zone), "unknown": unknown, "problem": ""}


def midnight_in(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)


def times_by_day(slots: list[Span], zone: ZoneInfo) -> list[dict[str, Any]]:
    days: dict[date, list[str]] = {}
    for slot in slots:
        wall = slot.start.astimezone(zone)
        # The form has no way to say "the second 02:30": such a time is not offered.
        if not wall.fold:
            days.setdefault(wall.date(), []).append(f"{wall:%H:%M}")
    return [
        {"day": day.isoformat(), "name": date_format(day, "l j F"), "times": times}
        for day, times in days.items()
    ]
