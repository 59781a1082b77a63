"""Sparklines: what the script draws, and the same in a sentence for who does not see them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.timezone import localtime

from health.vocabulary.readings import Point

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


def calls(points: Sequence[Point], span: str = "last 2 hours") -> Chart:
    sent = [one.sent for one in points]
    failed = [one.failed for one in points]
    total, bad = sum(sent) + sum(failed), sum(failed)
    return Chart(
        kind="calls",
        title="Calls",
        span=span,
        sentence=f"{total:,} calls, {bad:,} failed{worst(points)}",
        data=drawn(points, sent=sent, failed=failed),
        is_empty=total == 0,
    )


def worst(points: Sequence[Point]) -> str:
    if not any(one.failed for one in points):
        return ""
    found = max(points, key=lambda one: one.failed)
    return f", most of them ({found.failed:,}) from {clock(found)} on"


def latency(points: Sequence[Point], span: str = "last 2 hours") -> Chart:
    values = [one.p95_ms for one in points]
    known = [value for value in values if value is not None]
    lowest, highest = (min(known), max(known)) if known else (0, 0)
    return Chart(
        kind="latency",
        title="Latency",
        span=span,
        sentence=f"95 of 100 were answered within {lowest:,.0f} to {highest:,.0f} ms",
        data=drawn(points, p95=values),
        is_empty=not known,
    )


def drawn(points: Sequence[Point], **series: Sequence[Any]) -> str:
    return json.dumps({"labels": [clock(one) for one in points], **series})


def clock(point: Point) -> str:
    return localtime(point.at).strftime(CLOCK)
