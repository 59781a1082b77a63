"""Words and icons beside every colour."""

from dataclasses import dataclass
from datetime import timedelta

from health.vocabulary.readings import (
    Breaker,
    Check,
    RateLimit,
    Severity,
    State,
)
from wedsync_comms.lib.admin_kit.wording import short_duration


@dataclass(frozen=True)
class Look:
    """`tone` names a colour of the style sheet."""

    word: str
    icon: str
    tone: str


TWO_MINUTES = 120

STATES = {
    State.OPERATIONAL: Look("Operational", "check_circle", "good"),
    State.DEGRADED: Look("Degraded", "warning", "warn"),
    State.DOWN: Look("Down", "dangerous", "bad"),
    State.UNCONFIGURED: Look("Not configured", "power_off", "off"),
}
SEVERITIES = {
    Severity.CRITICAL: Look("Critical", "dangerous", "bad"),
    Severity.WARNING: Look("Warning", "warning", "warn"),
}
BREAKERS = {
    "closed": Look("Closed", "check", "good"),
    "half-open": Look("Half-open: one trial at a time", "hourglass_top", "warn"),
    "open": Look("Open: nothing is sent through it", "block", "bad"),
}
PAUSED = Look("Paused", "pause_circle", "warn")
HELD = Look("Paused by hand", "pause_circle", "warn")
CHECKS = {
    True: Look("Answered", "check", "good"),
    False: Look("Failed", "close", "bad"),
    None: Look("Not asked yet", "schedule", "off"),
}
HEADLINES = {
    State.OPERATIONAL: "Everything works",
    State.UNCONFIGURED: "No provider is configured",
}
PROCESSES = {
    "dispatcher": "Dispatcher: sends",
    "worker": "Worker: background tasks",
    "evaluator": "Watch: probes and judges",
}


ALIVE = Look("alive", "check_circle", "good")
SILENT = Look("silent", "dangerous", "bad")
GONE = Look("ended", "history", "off")


def breaker(found: Breaker) -> Look:
    if found.held:
        return HELD
    return PAUSED if found.paused else BREAKERS[found.state]


def checked(check: Check) -> Look:
    return CHECKS[check.ok]


def percent(share: float | None) -> str:
    if share is None:
        return "–"
    # 99.96 % is not "100 %".
    return "100 %" if share >= 1 else f"{min(share * 100, 99.9):.1f} %"


def milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    return "under 1 ms" if value < 1 else short_duration(timedelta(milliseconds=value))


def limit(found: RateLimit | None) -> str:
    if found is None:
        return "none known"
    if found.held_for > 0:
        return f"held back for {short_duration(timedelta(seconds=found.held_for))}"
    source = ", by its own word" if found.learned else ""
    return f"{found.headroom * 100:.0f} % free of {found.per_second:g} a second{source}"


def lasting(span: timedelta) -> str:
    """In whole seconds at least: an incident has no milliseconds."""
    seconds = max(1, round(span.total_seconds()))
    return f"{seconds} s" if seconds < TWO_MINUTES else short_duration(span)
