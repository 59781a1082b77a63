"""The way around: named by its dotted path in settings.UNFOLD.

Other apps add to it from modules that their `admin` package imports.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from wedsync_comms.lib.admin_kit.scope import scope_of

Group = dict[str, Any]
GroupBuilder = Callable[[HttpRequest], Group]
LinkBuilder = Callable[[HttpRequest], dict[str, Any]]
ADDED_GROUPS: list[GroupBuilder] = []
ADDED_LINKS: list[LinkBuilder] = []


def add_group(builder: GroupBuilder) -> GroupBuilder:
    """For other apps: a group below the first."""
    ADDED_GROUPS.append(builder)
    return builder


def add_link(builder: LinkBuilder) -> LinkBuilder:
    """For other apps: a link of the first group, right below “Today”."""
    ADDED_LINKS.append(builder)
    return builder


def navigation(request: HttpRequest) -> list[Group]:
    scope = scope_of(request)
    groups = [elsewhere_group(request)]
    if scope.role is not None:
        added = [build(request) for build in ADDED_GROUPS]
        groups = [daily_group(request), *added, settings_group(request), *groups]
    return [*groups, platform_group(request)] if scope.is_platform else groups


def daily_group(request: HttpRequest) -> Group:
    return {
        "title": "Communications",
        "items": [
            {"title": "Today", "icon": "space_dashboard", "link": reverse("admin:index")},
            *(build(request) for build in ADDED_LINKS),
            list_link(request, "Messages", "mail", "communications_message"),
            list_link(request, "Contacts", "contacts", "communications_contact"),
            list_link(request, "Possible duplicates", "group", "communications_pair"),
            list_link(request, "Imports", "upload_file", "communications_import"),
            list_link(request, "Templates", "description", "communications_template"),
            list_link(request, "Suppressions", "block", "communications_suppression"),
            list_link(request, "Webhook deliveries", "webhook", "communications_webhookdelivery"),
        ],
    }


def settings_group(request: HttpRequest) -> Group:
    organization = scope_of(request).organization
    ours = list_link(request, "Organizations", "storefront", "communications_organization")
    if organization is not None:
        page = reverse("admin:communications_organization_change", args=[organization.pk])
        ours |= {"title": "Organization", "link": page}
    members = list_link(request, "Members", "group", "communications_membership")
    return {"title": "Settings", "separator": True, "items": [ours, members]}


def elsewhere_group(request: HttpRequest) -> Group:
    live = {"title": "Live overview", "icon": "monitoring", "link": reverse("overview")}
    api = {"title": "API", "icon": "api", "link": reverse("docs")}
    # The overview is an organization's.
    items = [live, api] if scope_of(request).organization else [api]
    return {"separator": True, "items": [{**item, "active": False} for item in items]}


def platform_group(request: HttpRequest) -> Group:
    return {
        "title": "Platform",
        "separator": True,
        "collapsible": True,
        "items": [
            list_link(request, "Logins", "person", "auth_user"),
            list_link(request, "API tokens", "key", "authtoken_tokenproxy"),
            list_link(request, "Schedules", "calendar_month", "django_q_schedule"),
            list_link(request, "Queued tasks", "pending_actions", "django_q_ormq"),
            list_link(request, "Finished tasks", "task_alt", "django_q_success"),
            list_link(request, "Failed tasks", "running_with_errors", "django_q_failure"),
        ],
    }


def list_link(request: HttpRequest, title: str, icon: str, name: str) -> dict[str, Any]:
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
