"""What is wrong and what failed, as the page says it."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime

from health.admin import links
from health.admin.status_badges import (
    SEVERITY_BADGES,
    StatusBadge,
    lasting_text,
)
from health.vocabulary.readings import (
    FailureGroup,
    IncidentView,
)


@dataclass(frozen=True)
class IncidentCard:
    """One incident."""

    incident: IncidentView
    badge: StatusBadge
    evidence: tuple[tuple[str, str], ...]
    lasted: str
    link: str
    # May be acknowledged and commented by whoever looks.
    is_theirs: bool


def incident_card(incident: IncidentView, theirs: Container[int]) -> IncidentCard:
    lasted = incident.resolved_at - incident.opened_at if incident.resolved_at else None
    return IncidentCard(
        incident=incident,
        badge=SEVERITY_BADGES[incident.severity],
        evidence=tuple(evidence_rows(incident.evidence)),
        lasted=lasting_text(lasted) if lasted is not None else "",
        link=links.incident_url(incident.id),
        is_theirs=incident.id in theirs,
    )


def evidence_rows(evidence: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Names as words; nested values as a line."""
    for name, value in evidence.items():
        if value not in (None, "", [], {}):
            yield name.replace("_", " ").capitalize(), readable_evidence(value)


def readable_evidence(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {readable_evidence(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable_evidence(item) for item in value)
    return readable_moment(str(value))


def readable_moment(text: str) -> str:
    """Evidence is kept as JSON: its times are texts, and read better in the reader's zone."""
    try:
        return date_format(localtime(datetime.fromisoformat(text)), "j M, H:i:s")
    except ValueError:
        return text


@dataclass(frozen=True)
class FailureRow:
    """A group of failures, with where its messages and its exchanges are."""

    group: FailureGroup
    messages: str
    exchanges: str


def failure_row(group: FailureGroup) -> FailureRow:
    return FailureRow(group, links.failed_messages_url(group), links.failure_url(group))
