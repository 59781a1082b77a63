"""Sparklines: what the script draws, and the same in a sentence for who does not see them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.timezone import localtime

from health.vocabulary.readings import ChartPoint

CLOCK = "%H:%M"


@dataclass(frozen=True)
class Chart:
    kind: str
    title: str
    span: str
    # For a screen reader.
    sentence: str
    # For the script.
    data: str
    is_empty: bool


def calls_chart(points: Sequence[ChartPoint], span: str = "last 2 hours") -> Chart:
    sent = [point.sent for point in points]
    failed = [point.failed for point in points]
    total, bad = sum(sent) + sum(failed), sum(failed)
    return Chart(
        kind="calls",
        title="Calls",
        span=span,
        sentence=f"{total:,} calls, {bad:,} failed{worst_bucket(points)}",
        data=chart_data(points, sent=sent, failed=failed),
        is_empty=total == 0,
    )


def worst_bucket(points: Sequence[ChartPoint]) -> str:
    if not any(point.failed for point in points):
        return ""
    found = max(points, key=lambda point: point.failed)
    return f", most of them ({found.failed:,}) from {clock_label(found)} on"


def latency_chart(points: Sequence[ChartPoint], span: str = "last 2 hours") -> Chart:
    values = [point.p95_ms for point in points]
    known = [value for value in values if value is not None]
    lowest, highest = (min(known), max(known)) if known else (0, 0)
    return Chart(
        kind="latency",
        title="Latency",
        span=span,
        sentence=f"95 of 100 were answered within {lowest:,.0f} to {highest:,.0f} ms",
        data=chart_data(points, p95=values),
        is_empty=not known,
    )


def chart_data(points: Sequence[ChartPoint], **series: Sequence[Any]) -> str:
    return json.dumps({"labels": [clock_label(point) for point in points], **series})


def clock_label(point: ChartPoint) -> str:
    return localtime(point.at).strftime(CLOCK)
