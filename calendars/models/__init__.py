"""What is kept about calendars. Reads are queryset words here; the verbs beside this package
write."""

from calendars.models.accounts import Account, Calendar, Hours
from calendars.models.appointments import (
    Appointment,
    AppointmentChange,
    Participant,
    ParticipantRole,
    What,
)
from calendars.models.entries import BusyBlock, EventLink
from calendars.models.notices import Notice, Occasion, Rule
from calendars.models.people import ContactBook, ContactConflict, ContactLink, SyncDirection
from calendars.models.subscriptions import Subscription

__all__ = [
    "Account",
    "Appointment",
    "AppointmentChange",
    "BusyBlock",
    "Calendar",
    "ContactBook",
    "ContactConflict",
    "ContactLink",
    "EventLink",
    "Hours",
    "Notice",
    "Occasion",
    "Participant",
    "ParticipantRole",
    "Rule",
    "Subscription",
    "SyncDirection",
    "What",
]
