"""The first page of the admin, with one more tile."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from communications.admin import dashboard
from communications.admin.scope import scope_of
from health.admin.sidebar import open_incidents


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    shown = dashboard.show(request, context)
    if "tiles" in shown:
        count = open_incidents(scope_of(request))
        link = reverse("health")
        shown["tiles"].append(
            dashboard.tile("Open incidents", "monitor_heart", count, link, is_bad=True),
        )
    return shown
