"""The form behind "Book", and what it says when an appointment cannot be like that."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from calendars.admin.choices import calendar_label, contacts_field, followed_calendars
from calendars.appointments import booking
from calendars.appointments.booking import BookingRequest
from calendars.appointments.participants import Invitee
from calendars.errors import NotFree
from calendars.models import Appointment, Calendar, ParticipantRole
from calendars.models.accounts import AccountStatus
from communications.errors import Refused
from wedsync_comms.lib.admin_kit.scope import Scope

ALL_DAY = 0
DURATIONS = (
    (15, "15 minutes"),
    (30, "30 minutes"),
    (45, "45 minutes"),
    (60, "1 hour"),
    (90, "1½ hours"),
    (120, "2 hours"),
    (180, "3 hours"),
    (240, "4 hours"),
    (480, "8 hours"),
)
WHOLE_DAY = (ALL_DAY, "the whole day")
# What a link may fill in.
PREFILLED = ("title", "day", "at")
PREFILLED_NUMBERS = ("duration", "calendar", "couple")
# Fields of a wish that this form has under another name.
FORM_FIELD_NAMES = {"start": "at", "end": "duration", "zone": "day", "participants": "addresses"}
ROLE_PLURALS = {
    ParticipantRole.COUPLE: "Couple",
    ParticipantRole.GUEST: "Guests",
    ParticipantRole.SUPPLIER: "Suppliers",
    ParticipantRole.VENUE: "Venue",
    ParticipantRole.COLLEAGUE: "Colleagues",
}


def native_input(kind: type[forms.DateInput] | type[forms.TimeInput], name: str, shape: str) -> Any:
    return kind(format=shape, attrs={"type": name, "class": " ".join(INPUT_CLASSES)})


class AppointmentForm(forms.Form):
    title = forms.CharField(max_length=1024, widget=UnfoldAdminTextInputWidget)
    day = forms.DateField(widget=native_input(forms.DateInput, "date", "%Y-%m-%d"))
    at = forms.TimeField(
        label="Time",
        required=False,
        widget=native_input(forms.TimeInput, "time", "%H:%M"),
    )
    duration = forms.TypedChoiceField(coerce=int, initial=60, widget=UnfoldAdminSelectWidget)
    place = forms.CharField(max_length=4096, required=False, widget=UnfoldAdminTextInputWidget)
    description = forms.CharField(
        max_length=65_000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    addresses = forms.CharField(
        label="Others, by e-mail address",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="One per line: people who are no contacts of yours. The calendar invites them.",
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        fields: dict[str, Any] = self.fields
        fields["duration"].choices = [*DURATIONS, WHOLE_DAY]
        for role in ParticipantRole:
            fields[role.value] = contacts_field(scope, ROLE_PLURALS[role])

    @property
    def others(self) -> list[Any]:
        """Returns everybody but the couple."""
        return [self[role.value] for role in ParticipantRole if role != ParticipantRole.COUPLE]

    @property
    def has_more_people(self) -> bool:
        return any(field.value() or field.errors for field in [*self.others, self["addresses"]])

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        if data.get("duration") != ALL_DAY and not data.get("at") and "at" not in self.errors:
            self.add_error("at", "Say when it starts.")
        return data

    # --- what was asked for ---

    def span(self) -> tuple[datetime, datetime]:
        data = self.cleaned_data
        if data["duration"] == ALL_DAY:
            start = datetime.combine(data["day"], time())
            return start, start + timedelta(days=1)
        start = datetime.combine(data["day"], data["at"])
        return start, start + timedelta(minutes=data["duration"])

    def invitees(self) -> Iterator[Invitee]:
        for role in ParticipantRole:
            for contact in self.cleaned_data[role.value]:
                yield Invitee(contact=contact.pk, role=role)
        for line in self.cleaned_data["addresses"].replace(",", "\n").splitlines():
            if line.strip():
                yield Invitee(email=line.strip())

    # --- what came of it ---

    def refuse(self, error: Exception) -> None:
        field = "at" if isinstance(error, NotFree) else ""
        if isinstance(error, Refused):
            field = FORM_FIELD_NAMES.get(error.field, error.field)
        self.add_error(field if field in self.fields else None, str(error))


class BookingForm(AppointmentForm):
    calendar = forms.ModelChoiceField(
        Calendar.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    also_free = forms.ModelMultipleChoiceField(
        Calendar.objects.none(),
        label="Has to be free in these as well",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    wants_conference = forms.BooleanField(
        label="With a link to a video meeting",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, scope=scope, **kwargs)
        fields: dict[str, Any] = self.fields
        known = followed_calendars(scope)
        writable = known.filter(may_write=True, account__status=AccountStatus.LINKED)
        fields["calendar"].queryset = writable.order_by("-is_default", "pk")
        fields["calendar"].label_from_instance = calendar_label
        fields["also_free"].queryset = known
        fields["also_free"].label_from_instance = calendar_label
        if first := fields["calendar"].queryset.first():
            fields["calendar"].initial = first.pk

    def book(self, user: Any) -> Appointment | None:
        """Books. Returns None, with errors on their fields, if it was refused."""
        data, (start, end) = self.cleaned_data, self.span()
        calendar = data["calendar"]
        booking_request = BookingRequest(
            title=data["title"],
            start=start,
            end=end,
            zone=self.scope.time_zone.key,
            calendar=calendar.pk,
            also_free=[other.pk for other in data["also_free"]],
            is_all_day=data["duration"] == ALL_DAY,
            description=data["description"],
            place=data["place"],
            participants=list(self.invitees()),
            wants_conference=data["wants_conference"],
        )
        try:
            return booking.book_appointment(calendar.account.organization, booking_request, by=user)
        except (Refused, NotFree) as error:
            self.refuse(error)
            return None


def prefilled_values(request: HttpRequest) -> dict[str, str]:
    """Returns what a link may fill in."""
    given = request.GET.dict()
    words = {name: given[name] for name in PREFILLED if name in given}
    numbers = {name: given.get(name, "") for name in PREFILLED_NUMBERS}
    return words | {name: value for name, value in numbers.items() if is_short_number(value)}


def is_short_number(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 10  # noqa: PLR2004
