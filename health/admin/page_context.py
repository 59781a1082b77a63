"""What the templates are given: the whole, or one provider with its history."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from health.admin import charts, links
from health.admin.incident_cards import (
    evidence_rows,
    failure_row,
    incident_card,
)
from health.admin.provider_cards import provider_card
from health.admin.status_badges import (
    ALIVE,
    GONE,
    HEADLINES,
    PROCESS_TITLES,
    SILENT,
    STATE_BADGES,
    StatusBadge,
    lasting_text,
    milliseconds_text,
)
from health.reporting import calendar_status
from health.vocabulary.readings import (
    ChartPoint,
    ProcessReading,
    ProviderHealth,
    State,
    Summary,
)


def overall_badge(summary: Summary) -> StatusBadge:
    """Unwatched, nobody can say that everything works."""
    badge = STATE_BADGES[summary.status]
    unsure = badge.tone == "good" and (summary.incidents or not summary.watched)
    return STATE_BADGES[State.DEGRADED] if unsure else badge


def page_headline(summary: Summary) -> str:
    for state, word in ((State.DOWN, "down"), (State.DEGRADED, "degraded")):
        slugs = [health.provider for health in summary.providers if health.status == state]
        if len(slugs) == 1:
            return f"{slugs[0]} is {word}"
        if slugs:
            return f"{len(slugs)} providers are {word}: {', '.join(slugs)}"
    if not summary.watched:
        return "Nobody watches at the moment"
    if summary.incidents:
        return "Providers work, but something needs a look"
    return HEADLINES[summary.status]


def oldest_ages(ages: Mapping[str, float]) -> tuple[tuple[str, str], ...]:
    return tuple((name, lasting_text(timedelta(seconds=age))) for name, age in ages.items())


def capped_amount(count: int, counted_up_to: int) -> str:
    return f"{count:,}" if count < counted_up_to else f"{counted_up_to:,}+"


def overview_context(summary: Summary, theirs: Container[int]) -> dict[str, Any]:
    """What the templates are given."""
    queue = summary.queue
    return {
        "summary": summary,
        "badge": overall_badge(summary),
        "headline": page_headline(summary),
        "cards": [provider_card(health) for health in summary.providers],
        "incident_cards": [incident_card(incident, theirs) for incident in summary.incidents],
        "resolved": [incident_card(incident, theirs) for incident in summary.resolved],
        "failures": [failure_row(group) for group in summary.failures],
        "queue": [
            (
                name,
                capped_amount(count, queue.counted_up_to),
                links.queue_url(key),
                tone if count else "",
            )
            for key, name, count, tone in (
                ("due", "Due now", queue.due, ""),
                ("in_flight", "At a provider now", queue.in_flight, ""),
                ("scheduled", "Scheduled for later", queue.scheduled, ""),
                ("unknown", "Outcome unknown", queue.unknown, "warn"),
                ("unapplied", "Webhooks to apply", queue.unapplied, ""),
                ("stuck", "Webhooks given up on", queue.stuck_deliveries, "bad"),
            )
        ],
        "oldest": oldest_ages(queue.oldest_age),
        "processes": process_rows(summary.workers),
        "host": host_rows(summary),
    }


@dataclass(frozen=True)
class ProcessRow:
    worker: ProcessReading
    title: str
    badge: StatusBadge


def process_rows(workers: Iterable[ProcessReading]) -> list[ProcessRow]:
    """One that ended is no worry while another does the same: every restart leaves one behind."""
    found = list(workers)
    manned = {process.name for process in found if process.alive}
    badges = {
        process: ALIVE if process.alive else GONE if process.name in manned else SILENT
        for process in found
    }
    return [
        ProcessRow(process, PROCESS_TITLES.get(process.name, process.name), badge)
        for process, badge in badges.items()
    ]


def host_rows(summary: Summary) -> list[tuple[str, str]]:
    found = summary.host
    rows = []
    if found.database_ms is not None:
        rows.append(("Database answers in", milliseconds_text(found.database_ms)))
    if found.redis_ok is not None:
        answer = milliseconds_text(found.redis_ms) if found.redis_ok else "it does not answer"
        rows.append(("Redis answers in", answer))
    if found.disk_used is not None:
        free = f", {found.disk_free_bytes / 2**30:,.0f} GiB free" if found.disk_free_bytes else ""
        rows.append(("Disk in use", f"{found.disk_used:.0%}{free}"))
    return rows


def provider_context(
    summary: Summary,
    health: ProviderHealth,
    theirs: Container[int],
) -> dict[str, Any]:
    slug = health.provider
    return {
        "summary": summary,
        "card": provider_card(health),
        "charts": ()
        if health.channel == calendar_status.CALENDAR_CHANNEL
        else daily_charts(health.hourly),
        "hours": [point for point in reversed(health.hourly) if not is_idle_hour(point)],
        "facts": tuple(evidence_rows(health.probe.facts)),
        "incident_cards": [
            incident_card(incident, theirs)
            for incident in summary.incidents
            if incident.provider == slug
        ],
        "resolved": [
            incident_card(incident, theirs)
            for incident in summary.resolved
            if incident.provider == slug
        ],
        "failures": [failure_row(group) for group in summary.failures if group.provider == slug],
    }


def daily_charts(hourly: Sequence[ChartPoint]) -> tuple[charts.Chart, ...]:
    span = "last 24 hours"
    return charts.calls_chart(hourly, span), charts.latency_chart(hourly, span)


def is_idle_hour(point: ChartPoint) -> bool:
    numbers = (point.sent, point.failed, point.refused, point.throttled, point.receipts)
    return not any(numbers)
