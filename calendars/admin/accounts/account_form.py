"""What the calendars of an account are used for."""

from collections.abc import Iterator
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldBooleanWidget,
)

from calendars.appointments import conflicts as deciding
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
        self.calendars = [one for one in account.calendars.all() if not one.is_gone]
        fields: dict[str, Any] = self.fields
        fields["conflicts"].initial = account.conflicts
        fields["default"] = forms.TypedChoiceField(
            choices=[("", "none"), *((one.pk, one.name) for one in self.calendars)],
            coerce=int,
            empty_value=None,
            required=False,
        )
        for one in self.calendars:
            fields[f"followed-{one.pk}"] = checkbox_field(one, "Follow", initial=one.is_followed)
            fields[f"titles-{one.pk}"] = checkbox_field(
                one, "Show titles of", initial=one.shows_titles
            )
            fields[f"room-{one.pk}"] = buffer_field(one)

    def rows(self) -> Iterator[dict[str, Any]]:
        for one in self.calendars:
            yield {
                "calendar": one,
                "followed": self[f"followed-{one.pk}"],
                "titles": self[f"titles-{one.pk}"],
                "room": self[f"room-{one.pk}"],
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
        followed = [one.pk for one in self.calendars if data[f"followed-{one.pk}"]]
        accounts.choose_calendars(self.account, followed, data["default"])
        habits = {
            one.pk: SyncPreferences(
                shows_titles=data[f"titles-{one.pk}"],
                buffer_minutes=data[f"room-{one.pk}"],
            )
            for one in self.calendars
        }
        deciding.save_preferences(self.account, Policy(data["conflicts"]), habits)


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
