"""matches -> suspected -> open -> resolved: one row a cause, with hysteresis on both sides."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from health.incidents import alerts
from health.models import Alert, Incident, IncidentEvent
from health.rules.evaluation import BY_KIND, RANK, RuleMatch
from health.rules.rule import Rule
from health.vocabulary.readings import Severity

log = structlog.get_logger(__name__)

# A critical one that nobody has acknowledged by then is announced again, once.
ESCALATE_AFTER = timedelta(minutes=15)
# Of a rule that is no longer in the table.
DEFAULT_CLOSE_AFTER = timedelta(seconds=15)


class IncidentStep(Enum):
    """What an incident does next."""

    KEEP = "keep"
    OPEN = "open"
    FORGET = "forget"
    RESOLVE = "resolve"


def next_step(
    *,
    suspected_at: datetime,
    opened_at: datetime | None,
    last_seen_at: datetime,
    rule: Rule | None,
    is_found: bool,
    now: datetime,
) -> IncidentStep:
    """A suspicion that is gone for a moment was none; an open incident must be gone for a while."""
    if is_found:
        lasted = now - suspected_at
        is_due = opened_at is None and rule is not None and lasted >= rule.open_after
        return IncidentStep.OPEN if is_due else IncidentStep.KEEP
    if opened_at is None:
        return IncidentStep.FORGET
    close_after = rule.close_after if rule else DEFAULT_CLOSE_AFTER
    return IncidentStep.RESOLVE if now - last_seen_at >= close_after else IncidentStep.KEEP


def apply_matches(matches: Mapping[str, RuleMatch], now: datetime) -> None:
    """Makes the rows equal to what was found. Called by one process at a time; called by two, the
    database lets only one of them open an incident."""
    with transaction.atomic():
        rows = {
            incident.cause: incident
            for incident in Incident.objects.unresolved().select_for_update()
        }
        for cause, match in matches.items():
            if cause not in rows:
                rows[cause] = suspect_incident(match, now)
        for cause, row in rows.items():
            advance_incident(row, matches.get(cause), now)


def suspect_incident(match: RuleMatch, now: datetime) -> Incident:
    return Incident.objects.create(
        cause=match.cause,
        suspected_at=now,
        last_seen_at=now,
        **finding_fields(match),
    )


def finding_fields(match: RuleMatch) -> dict[str, object]:
    rule = match.rule
    return {
        "kind": rule.kind,
        "severity": rule.severity,
        "title": match.title,
        "provider": match.finding.provider,
        "organization_id": match.finding.organization,
        "link": match.finding.link,
        "evidence": match.finding.evidence,
        "did": rule.did,
        "advice": match.finding.advice or rule.advice,
    }


def advance_incident(row: Incident, match: RuleMatch | None, now: datetime) -> None:
    if match is not None:
        update_incident(row, match, now)
    step = next_step(
        suspected_at=row.suspected_at,
        opened_at=row.opened_at,
        last_seen_at=row.last_seen_at,
        rule=BY_KIND.get(row.kind),
        is_found=match is not None,
        now=now,
    )
    if step is IncidentStep.OPEN:
        open_incident(row, now)
    elif step is IncidentStep.FORGET:
        row.delete()
    elif step is IncidentStep.RESOLVE:
        resolve_incident(row, now)
    elif row.opened_at is not None:
        escalate_if_due(row, now)


def update_incident(row: Incident, match: RuleMatch, now: datetime) -> None:
    """Seen again: with new evidence, or worse than it was called. It is never called less."""
    rule, row.last_seen_at = match.rule, now
    if row.kind == rule.kind or row.opened_at is None or is_worse_kind(rule.kind, row.kind):
        was, before = row.severity, row.kind
        for name, value in finding_fields(match).items():
            setattr(row, name, value)
        if row.opened_at is not None and before != rule.kind:
            told = f"{match.title}."
            add_event(row, IncidentEvent.Kind.ESCALATED, now, text=told)
            if was != Severity.CRITICAL and rule.severity == Severity.CRITICAL:
                escalate_incident(row, now)
    row.save()


def is_worse_kind(kind: str, than: str) -> bool:
    return RANK[kind] < RANK.get(than, len(RANK))


def open_incident(row: Incident, now: datetime) -> None:
    row.opened_at = now
    row.save(update_fields=["opened_at"])
    add_event(row, IncidentEvent.Kind.OPENED, now, text=f"{row.title}.")
    alerts.queue_alerts(row, Alert.Kind.OPENED)
    log.warning("incident", incident=row.pk, cause=row.cause, outcome="opened", kind=row.kind)


def resolve_incident(row: Incident, now: datetime) -> None:
    row.resolved_at = now
    row.save(update_fields=["resolved_at"])
    add_event(row, IncidentEvent.Kind.RESOLVED, now)
    alerts.queue_alerts(row, Alert.Kind.RECOVERED)
    log.warning("incident", incident=row.pk, cause=row.cause, outcome="resolved", kind=row.kind)


def escalate_if_due(row: Incident, now: datetime) -> None:
    is_waiting = row.acknowledged_at is None and row.escalated_at is None
    lasted = now - (row.opened_at or now)
    if is_waiting and row.severity == Severity.CRITICAL and lasted >= ESCALATE_AFTER:
        minutes = int(lasted.total_seconds() // 60)
        add_event(
            row,
            IncidentEvent.Kind.ESCALATED,
            now,
            text=f"Nobody has acknowledged it for {minutes} minutes.",
        )
        escalate_incident(row, now)


def escalate_incident(row: Incident, now: datetime) -> None:
    if row.escalated_at is None:
        row.escalated_at = now
        row.save(update_fields=["escalated_at"])
        alerts.queue_alerts(row, Alert.Kind.ESCALATED)


def add_event(row: Incident, kind: IncidentEvent.Kind, at: datetime, *, text: str = "") -> None:
    IncidentEvent.objects.create(incident=row, kind=kind, text=text, at=at)


def prune_incidents() -> int:
    """Removes what was resolved long ago; nothing where it is kept for ever (0)."""
    if not settings.KEEP_DAYS:
        return 0
    old = timezone.now() - timedelta(days=settings.KEEP_DAYS)
    return Incident.objects.filter(resolved_at__lt=old).delete()[0]
