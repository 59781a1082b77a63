"""Words and icons beside every colour."""

from dataclasses import dataclass
from datetime import timedelta

from health.vocabulary.readings import (
    BreakerReading,
    ProbeReading,
    RateLimitReading,
    Severity,
    State,
)
from wedsync_comms.lib.admin_kit.wording import short_duration


@dataclass(frozen=True)
class StatusBadge:
    """`tone` names a colour of the style sheet."""

    word: str
    icon: str
    tone: str


TWO_MINUTES = 120

STATE_BADGES = {
    State.OPERATIONAL: StatusBadge("Operational", "check_circle", "good"),
    State.DEGRADED: StatusBadge("Degraded", "warning", "warn"),
    State.DOWN: StatusBadge("Down", "dangerous", "bad"),
    State.UNCONFIGURED: StatusBadge("Not configured", "power_off", "off"),
}
SEVERITY_BADGES = {
    Severity.CRITICAL: StatusBadge("Critical", "dangerous", "bad"),
    Severity.WARNING: StatusBadge("Warning", "warning", "warn"),
}
BREAKER_BADGES = {
    "closed": StatusBadge("Closed", "check", "good"),
    "half-open": StatusBadge("Half-open: one trial at a time", "hourglass_top", "warn"),
    "open": StatusBadge("Open: nothing is sent through it", "block", "bad"),
}
PAUSED = StatusBadge("Paused", "pause_circle", "warn")
HELD = StatusBadge("Paused by hand", "pause_circle", "warn")
CHECK_BADGES = {
    True: StatusBadge("Answered", "check", "good"),
    False: StatusBadge("Failed", "close", "bad"),
    None: StatusBadge("Not asked yet", "schedule", "off"),
}
HEADLINES = {
    State.OPERATIONAL: "Everything works",
    State.UNCONFIGURED: "No provider is configured",
}
PROCESS_TITLES = {
    "dispatcher": "Dispatcher: sends",
    "worker": "Worker: background tasks",
    "evaluator": "Watch: probes and judges",
}


ALIVE = StatusBadge("alive", "check_circle", "good")
SILENT = StatusBadge("silent", "dangerous", "bad")
GONE = StatusBadge("ended", "history", "off")


def breaker_badge(found: BreakerReading) -> StatusBadge:
    if found.held:
        return HELD
    return PAUSED if found.paused else BREAKER_BADGES[found.state]


def check_badge(check: ProbeReading) -> StatusBadge:
    return CHECK_BADGES[check.ok]


def percent_text(share: float | None) -> str:
    if share is None:
        return "–"
    # 99.96 % is not "100 %".
    return "100 %" if share >= 1 else f"{min(share * 100, 99.9):.1f} %"


def milliseconds_text(value: float | None) -> str:
    if value is None:
        return "–"
    return "under 1 ms" if value < 1 else short_duration(timedelta(milliseconds=value))


def rate_limit_text(found: RateLimitReading | None) -> str:
    if found is None:
        return "none known"
    if found.held_for > 0:
        return f"held back for {short_duration(timedelta(seconds=found.held_for))}"
    free = f"{found.headroom * 100:.0f} % free"
    return f"{free} of {found.per_second:.3g} a second, {origin_text(found)}"


def origin_text(found: RateLimitReading) -> str:
    """Returns whose figure a rate is: the provider's word, our configuration, or learned."""
    said = "by its own word" if found.learned else "as configured"
    return f"learned from its refusals; {found.said:g} {said}" if found.found else said


def lasting_text(span: timedelta) -> str:
    """In whole seconds at least: an incident has no milliseconds."""
    seconds = max(1, round(span.total_seconds()))
    return f"{seconds} s" if seconds < TWO_MINUTES else short_duration(span)
