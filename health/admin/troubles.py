"""What is wrong and what failed, as the page says it."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime

from health.admin import links
from health.admin.looks import SEVERITIES, Look, lasting
from health.vocabulary.readings import (
    FailureGroup,
    IncidentView,
)


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
        lasted=lasting(lasted) if lasted is not None else "",
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
