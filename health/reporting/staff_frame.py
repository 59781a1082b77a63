"""What staff is told over the WebSocket: how the providers are, and that there is news to fetch.

Everybody on staff gets the same frame, so it holds nothing that belongs to one organization.
"""

import json
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Max

from health.models import Action, Incident, IncidentEvent
from health.reporting import summary
from health.reporting.provider_status import derive_status
from health.vocabulary.readings import (
    BreakerReading,
    IncidentView,
    State,
)


def health_frame() -> str:
    """Few rows and cheap: every live process asks every other second."""
    shared = Incident.objects.open().filter(organization=None).exclude(provider="")
    incidents = summary.visible_views(shared.worst_first(), None)
    breakers: dict[str, BreakerReading | None] = {
        **{slug: summary.breaker_reading(slug, None) for slug in settings.PROVIDERS},
        **dict.fromkeys(settings.CALENDARS),
    }
    states = {slug: provider_state(slug, breaker, incidents) for slug, breaker in breakers.items()}
    return json.dumps(
        {
            "type": "health",
            "status": summary.worst_state(states.values()),
            "providers": states,
            "incidents": len(incidents),
            # Another number than before: something was opened, resolved, acknowledged or done.
            "revision": newest_pk(IncidentEvent) + newest_pk(Action),
        },
    )


def provider_state(
    slug: str, breaker: BreakerReading | None, incidents: Sequence[IncidentView]
) -> State:
    return derive_status(
        breaker, [incident for incident in incidents if incident.provider == slug]
    )[0]


def newest_pk(model: type[IncidentEvent | Action]) -> int:
    return model.objects.aggregate(newest=Max("pk"))["newest"] or 0
