"""Calendars, in the admin's sidebar."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from communications.admin.sidebar import add_group, list_link
from wedsync_comms.lib.admin_kit.scope import scope_of


@add_group
def calendar_group(request: HttpRequest) -> dict[str, Any]:
    week = reverse("admin:calendars_appointment_week")
    is_week = request.path.startswith(week)
    appointments = list_link(request, "Appointments", "event", "calendars_appointment")
    items = [
        {"title": "Week", "icon": "calendar_view_week", "link": week, "active": is_week},
        {**appointments, "active": appointments["active"] and not is_week},
        list_link(request, "Calendar accounts", "calendar_add_on", "calendars_account"),
        list_link(request, "Address books", "sync", "calendars_contactbook"),
        list_link(request, "Rules", "rule", "calendars_rule"),
    ]
    return {"title": "Calendars", "separator": True, "items": [*items, *support_links(request)]}


def support_links(request: HttpRequest) -> list[dict[str, Any]]:
    if not scope_of(request).is_platform:
        return []
    return [
        list_link(request, "Changes", "history", "calendars_appointmentchange"),
        list_link(request, "Notices", "notifications", "calendars_notice"),
        list_link(request, "Subscriptions", "sensors", "calendars_subscription"),
    ]
