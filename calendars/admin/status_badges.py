"""Colours and icons of calendars, always beside words."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from calendars.models import Account, Appointment, What
from calendars.models.accounts import AccountStatus
from calendars.models.appointments import AppointmentStatus
from calendars.models.notices import NotificationState
from calendars.models.subscriptions import SubscriptionState
from calendars.providers import registry
from calendars.vocabulary.events import ResponseStatus

# How it stands -> colour, icon.
Look = tuple[str, str]
ACCOUNT_LOOKS: Mapping[str, Look] = {
    AccountStatus.LINKED: ("success", "link"),
    AccountStatus.RECONNECT: ("danger", "link_off"),
    AccountStatus.DISCONNECTED: ("default", "cancel"),
}
APPOINTMENT_LOOKS: Mapping[str, Look] = {
    AppointmentStatus.HELD: ("info", "hourglass_top"),
    AppointmentStatus.BOOKED: ("success", "event_available"),
    AppointmentStatus.CANCELLED: ("default", "event_busy"),
}
ANSWER_LOOKS: Mapping[str, Look] = {
    ResponseStatus.NEEDED: ("default", "schedule"),
    ResponseStatus.ACCEPTED: ("success", "check"),
    ResponseStatus.TENTATIVE: ("warning", "help"),
    ResponseStatus.DECLINED: ("danger", "close"),
}
NOTIFICATION_LOOKS: Mapping[str, Look] = {
    NotificationState.WAITING: ("info", "schedule"),
    NotificationState.TOLD: ("success", "check"),
    NotificationState.DROPPED: ("default", "undo"),
    NotificationState.REFUSED: ("danger", "error"),
}
SUBSCRIPTION_LOOKS: Mapping[str, Look] = {
    SubscriptionState.PENDING: ("info", "hourglass_top"),
    SubscriptionState.LIVE: ("success", "sensors"),
    SubscriptionState.STOPPING: ("warning", "sensors_off"),
}
CHANGE_ICONS: Mapping[str, str] = {
    What.BOOKED: "event_available",
    What.MOVED: "update",
    What.CHANGED: "edit",
    What.CANCELLED: "event_busy",
    What.ANSWERED: "how_to_reg",
    What.CONFLICT: "warning",
}


def look_badge(text: str, look: Look) -> SafeString:
    variant, icon = look
    context = {"text": text, "type": variant, "icon": icon}
    return render_to_string("unfold/helpers/label.html", context)


def account_badge(account: Account) -> SafeString:
    return look_badge(account.get_status_display(), ACCOUNT_LOOKS[account.status])


def appointment_badge(appointment: Appointment) -> SafeString:
    return look_badge(appointment.get_status_display(), APPOINTMENT_LOOKS[appointment.status])


def vendor_display_name(slug: str) -> str:
    """Returns what people call it; its slug where it is not configured any more."""
    return (
        registry.configured_vendor(slug).label
        if slug in registry.vendor_slugs()
        else slug.capitalize()
    )


def source_label(slug: str) -> str:
    """Returns where a change came from."""
    names: dict[str, Any] = {"here": "WedSync", "participant": "a participant"}
    return str(names.get(slug) or vendor_display_name(slug))
