"""The way around: named by its dotted path in settings.UNFOLD."""

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from communications.admin.scope import scope_of


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    scope = scope_of(request)
    groups = [elsewhere(request)]
    if scope.role is not None:
        groups = [every_day(request), *calendars(request), settings(request), *groups]
    return [*groups, platform(request)] if scope.is_platform else groups


def every_day(request: HttpRequest) -> dict[str, Any]:
    return {
        "title": "Communications",
        "items": [
            {"title": "Today", "icon": "space_dashboard", "link": reverse("admin:index")},
            model(request, "Messages", "mail", "communications_message"),
            model(request, "Contacts", "contacts", "communications_contact"),
            model(request, "Possible duplicates", "group", "communications_pair"),
            model(request, "Imports", "upload_file", "communications_import"),
            model(request, "Templates", "description", "communications_template"),
            model(request, "Suppressions", "block", "communications_suppression"),
            model(request, "Webhook deliveries", "webhook", "communications_webhookdelivery"),
        ],
    }


def calendars(request: HttpRequest) -> list[dict[str, Any]]:
    """By name only: an app to our right, where it is installed."""
    if not apps.is_installed("calendars"):
        return []
    week = reverse("admin:calendars_appointment_week")
    appointments = model(request, "Appointments", "event", "calendars_appointment")
    appointments["active"] = appointments["active"] and not request.path.startswith(week)
    shown = {"title": "Week", "icon": "calendar_view_week", "link": week}
    items = [
        {**shown, "active": request.path.startswith(week)},
        appointments,
        model(request, "Calendar accounts", "calendar_add_on", "calendars_account"),
        model(request, "Address books", "sync", "calendars_contactbook"),
        model(request, "Rules", "rule", "calendars_rule"),
    ]
    return [{"title": "Calendars", "separator": True, "items": [*items, *support(request)]}]


def support(request: HttpRequest) -> list[dict[str, Any]]:
    if not scope_of(request).is_platform:
        return []
    return [
        model(request, "Changes", "history", "calendars_appointmentchange"),
        model(request, "Notices", "notifications", "calendars_notice"),
        model(request, "Subscriptions", "sensors", "calendars_subscription"),
    ]


def settings(request: HttpRequest) -> dict[str, Any]:
    organization = scope_of(request).organization
    ours = model(request, "Organizations", "storefront", "communications_organization")
    if organization is not None:
        page = reverse("admin:communications_organization_change", args=[organization.pk])
        ours |= {"title": "Organization", "link": page}
    members = model(request, "Members", "group", "communications_membership")
    return {"title": "Settings", "separator": True, "items": [ours, members]}


def elsewhere(request: HttpRequest) -> dict[str, Any]:
    live = {"title": "Live overview", "icon": "monitoring", "link": reverse("overview")}
    api = {"title": "API", "icon": "api", "link": reverse("docs")}
    # The overview is an organization's.
    items = [live, api] if scope_of(request).organization else [api]
    return {"separator": True, "items": [{**item, "active": False} for item in items]}


def platform(request: HttpRequest) -> dict[str, Any]:
    return {
        "title": "Platform",
        "separator": True,
        "collapsible": True,
        "items": [
            model(request, "Logins", "person", "auth_user"),
            model(request, "API tokens", "key", "authtoken_tokenproxy"),
            model(request, "Schedules", "calendar_month", "django_q_schedule"),
            model(request, "Queued tasks", "pending_actions", "django_q_ormq"),
            model(request, "Finished tasks", "task_alt", "django_q_success"),
            model(request, "Failed tasks", "running_with_errors", "django_q_failure"),
        ],
    }


def model(request: HttpRequest, title: str, icon: str, name: str) -> dict[str, Any]:
    link = reverse(f"admin:{name}_changelist")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "active": request.path.startswith(link),
    }


def stylesheet(_request: HttpRequest) -> str:
    return static("admin_wedsync/admin.css")


def favicon(_request: HttpRequest) -> str:
    return static("communications/icon.svg")
