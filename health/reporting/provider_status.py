"""How a provider is, in one word and one sentence; and how its last probe went."""

from collections.abc import Sequence

from health.models import Probe
from health.vocabulary.readings import (
    BreakerReading,
    IncidentView,
    ProbeReading,
    Severity,
    State,
)
from wedsync_comms.lib.text import as_sentence, capitalised

# What happens to messages while a provider is not reached.
UNHARMED = "Messages wait unless there is another way for them; none is lost."


def derive_status(
    breaker: BreakerReading | None, incidents: Sequence[IncidentView]
) -> tuple[State, str]:
    """The worst of what is known, and the sentence that says it."""
    if breaker and breaker.unreachable:
        return State.DOWN, f"{capitalised(as_sentence(breaker.reason))} {UNHARMED}"
    if breaker and breaker.state == "open":
        word = "Paused" if breaker.paused else "Closed off after many failures"
        return State.DOWN, f"{word}: {breaker.reason}" if breaker.reason else f"{word}."
    critical = [incident for incident in incidents if incident.severity == Severity.CRITICAL]
    if critical:
        return State.DOWN, critical[0].title
    if incidents:
        return State.DEGRADED, incidents[0].title
    if breaker and breaker.state == "half-open":
        return State.DEGRADED, "One message at a time is tried, to see whether it works again."
    return State.OPERATIONAL, ""


def check_of_probe(probe: Probe, scope: int | None) -> ProbeReading:
    return ProbeReading(
        ok=probe.ok,
        checked_at=probe.checked_at,
        latency_ms=probe.latency_ms,
        reason=probe.reason if scope is None else "",
        facts=probe.facts if scope is None else {},
    )
