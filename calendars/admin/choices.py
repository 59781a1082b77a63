"""What forms offer: the organization's calendars and its contacts."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import QuerySet

from calendars.models import Calendar, Participant
from calendars.models.accounts import AccountStatus
from communications.models import Contact
from wedsync_comms.lib.admin_kit.scope import Scope


def followed_calendars(scope: Scope) -> QuerySet[Calendar]:
    own = scope.rows(Calendar.objects.all(), "account__organization")
    known = own.filter(is_followed=True, is_gone=False)
    return known.exclude(account__status=AccountStatus.DISCONNECTED).select_related(
        "account__organization",
    )


def calendar_label(calendar: Calendar) -> str:
    account = calendar.account
    return calendar.name if calendar.name == account.email else f"{calendar.name} ({account.email})"


def contacts_field(scope: Scope, label: str) -> forms.ModelMultipleChoiceField:  # type: ignore[type-arg]
    field = forms.ModelMultipleChoiceField(
        scope.rows(Contact.objects.all()),
        label=label,
        required=False,
    )
    contact = Participant._meta.get_field("contact")  # noqa: SLF001 (Django documents it)
    field.widget = AutocompleteSelectMultiple(contact, admin.site)
    field.widget.choices = field.choices
    return field
