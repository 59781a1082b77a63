"""What the templates are given: the whole, or one provider with its history."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from health.admin import charts, links
from health.admin.cards import card
from health.admin.looks import (
    ALIVE,
    GONE,
    HEADLINES,
    PROCESSES,
    SILENT,
    STATES,
    Look,
    lasting,
    milliseconds,
)
from health.admin.troubles import facts, failure, trouble
from health.reporting import calendar_status
from health.vocabulary.readings import (
    Point,
    ProviderHealth,
    State,
    Summary,
    Worker,
)


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
    return tuple((name, lasting(timedelta(seconds=age))) for name, age in ages.items())


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
        "processes": processes(summary.workers),
        "machine": machine(summary),
    }


@dataclass(frozen=True)
class Process:
    worker: Worker
    title: str
    look: Look


def processes(workers: Iterable[Worker]) -> list[Process]:
    """One that ended is no worry while another does the same: every restart leaves one behind."""
    found = list(workers)
    manned = {one.name for one in found if one.alive}
    looks = {one: ALIVE if one.alive else GONE if one.name in manned else SILENT for one in found}
    return [Process(one, PROCESSES.get(one.name, one.name), look) for one, look in looks.items()]


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
        "charts": () if health.channel == calendar_status.CHANNEL else charted(health.hourly),
        "hours": [one for one in reversed(health.hourly) if not is_idle(one)],
        "facts": tuple(facts(health.probe.facts)),
        "troubles": [trouble(one, theirs) for one in summary.incidents if one.provider == slug],
        "resolved": [trouble(one, theirs) for one in summary.resolved if one.provider == slug],
        "failures": [failure(one) for one in summary.failures if one.provider == slug],
    }


def charted(hourly: Sequence[Point]) -> tuple[charts.Chart, ...]:
    span = "last 24 hours"
    return charts.calls(hourly, span), charts.latency(hourly, span)


def is_idle(point: Point) -> bool:
    numbers = (point.sent, point.failed, point.refused, point.throttled, point.receipts)
    return not any(numbers)
