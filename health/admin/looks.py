"""How the page puts what is known: words and icons beside colours, a link on every number."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime

from communications.admin.badges import CHANNEL_ICONS
from communications.admin.timeline import duration
from communications.models import Channel
from health.admin import charts, links
from health.events import (
    Breaker,
    Check,
    FailureGroup,
    IncidentView,
    Point,
    ProviderHealth,
    RateLimit,
    Severity,
    State,
    Summary,
)


@dataclass(frozen=True)
class Look:
    """`tone` names a colour of the style sheet."""

    word: str
    icon: str
    tone: str


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


@dataclass(frozen=True)
class Card:
    """One provider."""

    health: ProviderHealth
    look: Look
    channel: str
    channel_icon: str
    breaker: Look
    probe: Look
    endpoint: Look
    success: str
    latency: str
    limit: str
    headroom: int | None
    charts: tuple[charts.Chart, ...]
    links: Mapping[str, str]
    lately: Mapping[str, int]


def card(health: ProviderHealth) -> Card:
    known = health.channel in Channel.values
    return Card(
        health=health,
        look=STATES[health.status],
        channel=Channel(health.channel).label if known else health.channel,
        channel_icon=CHANNEL_ICONS[Channel(health.channel)] if known else "calendar_month",
        breaker=breaker(health.breaker),
        probe=checked(health.probe),
        endpoint=checked(health.webhook_endpoint),
        success=percent(health.success_rate),
        latency=milliseconds(health.latency_p95_ms),
        limit=limit(health.rate_limit),
        headroom=round(health.rate_limit.headroom * 100) if health.rate_limit else None,
        charts=(charts.calls(health.five_minutes), charts.latency(health.five_minutes)),
        links=links.of_provider(health.provider),
        lately={
            name: sum(getattr(point, name) for point in health.five_minutes)
            for name in ("sent", "failed", "refused", "throttled", "retries", "failovers")
        },
    )


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
    return "–" if value is None else duration(timedelta(milliseconds=value))


def limit(found: RateLimit | None) -> str:
    if found is None:
        return "none known"
    if found.held_for > 0:
        return f"held back for {duration(timedelta(seconds=found.held_for))}"
    source = ", by its own word" if found.learned else ""
    return f"{found.headroom * 100:.0f} % free of {found.per_second:g} a second{source}"


@dataclass(frozen=True)
class Trouble:
    """One incident."""

    incident: IncidentView
    look: Look
    evidence: tuple[tuple[str, str], ...]
    lasted: str
    link: str
    # May be acknowledged and commented by whoever looks.
    is_theirs: bool


def trouble(incident: IncidentView, theirs: Container[int]) -> Trouble:
    lasted = incident.resolved_at - incident.opened_at if incident.resolved_at else None
    return Trouble(
        incident=incident,
        look=SEVERITIES[incident.severity],
        evidence=tuple(facts(incident.evidence)),
        lasted=duration(lasted) if lasted is not None else "",
        link=links.incident(incident.id),
        is_theirs=incident.id in theirs,
    )


def facts(evidence: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Names as words; nested values as a line."""
    for name, value in evidence.items():
        if value not in (None, "", [], {}):
            yield name.replace("_", " ").capitalize(), readable(value)


def readable(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {readable(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable(one) for one in value)
    return moment(str(value))


def moment(text: str) -> str:
    """Evidence is kept as JSON: its times are texts, and read better in the reader's zone."""
    try:
        return date_format(localtime(datetime.fromisoformat(text)), "j M, H:i:s")
    except ValueError:
        return text


@dataclass(frozen=True)
class Ask:
    """A group of failures, with where its messages and its exchanges are."""

    group: FailureGroup
    messages: str
    exchanges: str


def failure(group: FailureGroup) -> Ask:
    return Ask(group, links.failed(group), links.failure(group))


def overall(summary: Summary) -> Look:
    """Unwatched, nobody can say that everything works."""
    look = STATES[summary.status]
    unsure = look.tone == "good" and (summary.incidents or not summary.watched)
    return STATES[State.DEGRADED] if unsure else look


def headline(summary: Summary) -> str:
    for state, word in ((State.DOWN, "down"), (State.DEGRADED, "degraded")):
        slugs = [one.provider for one in summary.providers if one.status == state]
        if len(slugs) == 1:
            return f"{slugs[0]} is {word}"
        if slugs:
            return f"{len(slugs)} providers are {word}: {', '.join(slugs)}"
    if not summary.watched:
        return "Nobody watches at the moment"
    if summary.incidents:
        return "Providers work, but something needs a look"
    return HEADLINES[summary.status]


def oldest(ages: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    return tuple((name, duration(timedelta(seconds=age))) for name, age in ages.items())


def amount(count: int, counted_up_to: int) -> str:
    return f"{count:,}" if count < counted_up_to else f"{counted_up_to:,}+"


def of(summary: Summary, theirs: Container[int]) -> dict[str, Any]:
    """What the templates are given."""
    queue = summary.queue
    return {
        "summary": summary,
        "look": overall(summary),
        "headline": headline(summary),
        "cards": [card(one) for one in summary.providers],
        "troubles": [trouble(one, theirs) for one in summary.incidents],
        "resolved": [trouble(one, theirs) for one in summary.resolved],
        "failures": [failure(one) for one in summary.failures],
        "queue": [
            (name, amount(count, queue.counted_up_to), links.queue(key), tone if count else "")
            for key, name, count, tone in (
                ("due", "Due now", queue.due, ""),
                ("in_flight", "At a provider now", queue.in_flight, ""),
                ("scheduled", "Scheduled for later", queue.scheduled, ""),
                ("unknown", "Outcome unknown", queue.unknown, "warn"),
                ("unapplied", "Webhooks to apply", queue.unapplied, ""),
                ("stuck", "Webhooks given up on", queue.stuck_deliveries, "bad"),
            )
        ],
        "oldest": oldest(queue.oldest_age),
        "processes": [(PROCESSES.get(one.name, one.name), one) for one in summary.workers],
        "machine": machine(summary),
    }


def machine(summary: Summary) -> list[tuple[str, str]]:
    found = summary.machine
    rows = []
    if found.database_ms is not None:
        rows.append(("Database answers in", milliseconds(found.database_ms)))
    if found.redis_ok is not None:
        answer = milliseconds(found.redis_ms) if found.redis_ok else "it does not answer"
        rows.append(("Redis answers in", answer))
    if found.disk_used is not None:
        free = f", {found.disk_free_bytes / 2**30:,.0f} GiB free" if found.disk_free_bytes else ""
        rows.append(("Disk in use", f"{found.disk_used:.0%}{free}"))
    return rows


def of_provider(
    summary: Summary,
    health: ProviderHealth,
    theirs: Container[int],
) -> dict[str, Any]:
    slug = health.provider
    return {
        "summary": summary,
        "card": card(health),
        "charts": (
            charts.calls(health.hourly, "last 24 hours"),
            charts.latency(health.hourly, "last 24 hours"),
        ),
        "hours": [one for one in reversed(health.hourly) if not is_idle(one)],
        "facts": tuple(facts(health.probe.facts)),
        "troubles": [trouble(one, theirs) for one in summary.incidents if one.provider == slug],
        "resolved": [trouble(one, theirs) for one in summary.resolved if one.provider == slug],
        "failures": [failure(one) for one in summary.failures if one.provider == slug],
    }


def is_idle(point: Point) -> bool:
    numbers = (point.sent, point.failed, point.refused, point.throttled, point.receipts)
    return not any(numbers)
