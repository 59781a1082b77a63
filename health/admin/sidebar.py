"""The health of it all, in the admin's sidebar."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from communications.admin.sidebar import add_link
from health.admin import model_admins
from wedsync_comms.lib.admin_kit.scope import Scope, scope_of


@add_link
def health_link(request: HttpRequest) -> dict[str, Any]:
    link = reverse("health")
    found = {
        "title": "Health",
        "icon": "monitor_heart",
        "link": link,
        "active": request.path.startswith(link),
    }
    count = count_open_incidents(scope_of(request))
    # Nothing open, no badge: one gets used to a zero.
    return {**found, "badge": count, "badge_variant": "danger"} if count else found


def count_open_incidents(scope: Scope) -> int:
    return model_admins.visible_incidents(scope).filter(resolved_at=None).count()
