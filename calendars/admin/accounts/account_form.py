"""What the calendars of an account are used for."""

from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldBooleanWidget,
)

from calendars.appointments import conflicts
from calendars.appointments.conflicts import SyncPreferences
from calendars.linking import accounts
from calendars.models import Account, Calendar
from calendars.models.accounts import Policy

# A day: more room than that around an appointment is a mistake.
MAX_BUFFER_MINUTES = 24 * 60


class AccountForm(forms.Form):
    """Three fields for each calendar, and which of them bookings go to."""

    conflicts = forms.ChoiceField(
        label="Where both sides changed the same thing, who is right?",
        choices=Policy.choices,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.calendars = [calendar for calendar in account.calendars.all() if not calendar.is_gone]
        fields: dict[str, Any] = self.fields
        fields["conflicts"].initial = account.conflicts
        fields["default"] = forms.TypedChoiceField(
            choices=[("", "none"), *((calendar.pk, calendar.name) for calendar in self.calendars)],
            coerce=int,
            empty_value=None,
            required=False,
        )
        for calendar in self.calendars:
            fields[f"followed-{calendar.pk}"] = checkbox_field(
                calendar, "Follow", initial=calendar.is_followed
            )
            fields[f"titles-{calendar.pk}"] = checkbox_field(
                calendar, "Show titles of", initial=calendar.shows_titles
            )
            fields[f"room-{calendar.pk}"] = buffer_field(calendar)

    def rows(self) -> Iterator[dict[str, Any]]:
        for calendar in self.calendars:
            yield {
                "calendar": calendar,
                "followed": self[f"followed-{calendar.pk}"],
                "titles": self[f"titles-{calendar.pk}"],
                "room": self[f"room-{calendar.pk}"],
            }

    def clean(self) -> dict[str, Any]:
        super().clean()
        default = self.cleaned_data.get("default")
        followed = self.cleaned_data.get(f"followed-{default}") if default else True
        if not followed:
            self.add_error("default", "Bookings can only go to a calendar that is followed.")
        return self.cleaned_data

    def store(self) -> None:
        data = self.cleaned_data
        followed = [calendar.pk for calendar in self.calendars if data[f"followed-{calendar.pk}"]]
        accounts.choose_calendars(self.account, followed, data["default"])
        preferences = {
            calendar.pk: SyncPreferences(
                shows_titles=data[f"titles-{calendar.pk}"],
                buffer_minutes=data[f"room-{calendar.pk}"],
            )
            for calendar in self.calendars
        }
        conflicts.save_preferences(self.account, Policy(data["conflicts"]), preferences)


def checkbox_field(calendar: Calendar, what: str, *, initial: bool) -> forms.BooleanField:
    label = f"{what} {calendar}"
    widget = UnfoldBooleanWidget(attrs={"aria-label": label})
    return forms.BooleanField(label=label, initial=initial, required=False, widget=widget)


def buffer_field(calendar: Calendar) -> forms.IntegerField:
    label = f"Minutes kept free around appointments in {calendar}"
    return forms.IntegerField(
        label=label,
        initial=calendar.buffer_minutes,
        min_value=0,
        max_value=MAX_BUFFER_MINUTES,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"aria-label": label, "step": 5}),
    )
