"""What is known of the rows of a file: JSON, as a page shows it and an import keeps it."""

from collections.abc import Iterable, Iterator
from typing import Any

from communications.book.files.planning import ImportPlan, PlannedAction, PlannedRow

SHOWN = 200
# What needs a look comes first.
SHOWN_FIRST = (
    PlannedAction.ERROR,
    PlannedAction.REVIEW,
    PlannedAction.NOTHING,
    PlannedAction.UPDATE,
    PlannedAction.CREATE,
)


def findings_of(plan: ImportPlan) -> dict[str, Any]:
    """Returns a plan as a page shows it: JSON, without the people in it."""
    ordered = sorted(
        plan.rows,
        key=lambda row: (not row.is_incomplete, SHOWN_FIRST.index(row.action), row.number),
    )
    return {
        "counts": plan.counts(),
        "rows": len(plan.rows),
        "lines": [shown_line(row) for row in ordered[:SHOWN]],
        "incomplete": [incomplete_row(row) for row in plan.rows if row.is_incomplete],
    }


def with_taken_rows(
    findings: dict[str, Any], plan: ImportPlan, failed: list[PlannedRow]
) -> dict[str, Any]:
    """Returns findings once a part of the rows was taken, with those that failed only then."""
    numbers = {row.number for row in failed}
    lines = [line for line in findings["lines"] if line["number"] not in numbers]
    incomplete = [listed for listed in findings["incomplete"] if listed[0] not in numbers]
    return findings | {
        "lines": [*map(shown_line, failed), *lines][:SHOWN],
        "incomplete": sorted([*incomplete, *map(incomplete_row, failed)]),
        "reached": max((row.number for row in plan.rows), default=findings.get("reached", 0)),
    }


def reached_findings(findings: dict[str, Any]) -> dict[str, Any]:
    """Returns findings without the rows that were not come to."""
    last = findings.get("reached", 0)
    return findings | {
        "lines": [line for line in findings["lines"] if line["number"] <= last],
        "incomplete": [listed for listed in findings["incomplete"] if listed[0] <= last],
    }


def shown_line(row: PlannedRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "action": str(row.action),
        "reasons": [*row.reasons, *row.problems],
        "is_incomplete": row.is_incomplete,
        "contact": row.draft.contact.pk if row.draft and row.draft.contact else None,
    }


def incomplete_row(row: PlannedRow) -> list[Any]:
    return [row.number, row.name, " ".join([*row.reasons, *row.problems])]


def texts_in(findings: Any) -> Iterator[str]:
    """Yields the texts of findings as people wrote them, and not as JSON escapes them."""
    if isinstance(findings, str):
        yield findings
    elif isinstance(findings, dict | list):
        inner: Iterable[Any] = findings.values() if isinstance(findings, dict) else findings
        for value in inner:
            yield from texts_in(value)
