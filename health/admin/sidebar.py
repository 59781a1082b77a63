"""The way around, with the health of it all: named by its dotted path in settings.UNFOLD."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from communications.admin import sidebar
from communications.admin.scope import Scope, scope_of
from health.admin import records


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    groups = sidebar.navigation(request)
    if scope_of(request).role is not None:
        groups[0]["items"].insert(1, entry(request))
    return groups


def entry(request: HttpRequest) -> dict[str, Any]:
    link = reverse("health")
    found = {
        "title": "Health",
        "icon": "monitor_heart",
        "link": link,
        "active": request.path.startswith(link),
    }
    count = open_incidents(scope_of(request))
    # Nothing open, no badge: one gets used to a zero.
    return {**found, "badge": count, "badge_variant": "danger"} if count else found


def open_incidents(scope: Scope) -> int:
    return records.visible(scope).filter(resolved_at=None).count()
