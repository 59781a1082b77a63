"""What staff is told over the WebSocket: how the providers are, and that there is news to fetch.

Everybody on staff gets the same frame, so it holds nothing that belongs to one organization.
"""

import json
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Max

from health.models import Action, Incident, IncidentEvent
from health.reporting import summary
from health.reporting.provider_status import judged
from health.vocabulary.readings import (
    Breaker,
    IncidentView,
    State,
)


def frame() -> str:
    """Few rows and cheap: every live process asks every other second."""
    shared = Incident.objects.open().filter(organization=None).exclude(provider="")
    incidents = summary.visible(shared.worst_first(), None)
    breakers: dict[str, Breaker | None] = {
        **{slug: summary.breaker(slug, None) for slug in settings.PROVIDERS},
        **dict.fromkeys(settings.CALENDARS),
    }
    states = {slug: state(slug, breaker, incidents) for slug, breaker in breakers.items()}
    return json.dumps(
        {
            "type": "health",
            "status": summary.worst(states.values()),
            "providers": states,
            "incidents": len(incidents),
            # Another number than before: something was opened, resolved, acknowledged or done.
            "revision": newest(IncidentEvent) + newest(Action),
        },
    )


def state(slug: str, breaker: Breaker | None, incidents: Sequence[IncidentView]) -> State:
    return judged(breaker, [one for one in incidents if one.provider == slug])[0]


def newest(model: type[IncidentEvent | Action]) -> int:
    return model.objects.aggregate(newest=Max("pk"))["newest"] or 0
