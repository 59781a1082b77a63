"""One more tile on the first page of the admin."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from communications.admin.dashboard import add_tile, count_tile
from health.admin.sidebar import count_open_incidents
from wedsync_comms.lib.admin_kit.scope import scope_of


@add_tile
def incidents_tile(request: HttpRequest) -> dict[str, Any]:
    count = count_open_incidents(scope_of(request))
    return count_tile("Open incidents", "monitor_heart", count, reverse("health"), is_bad=True)
