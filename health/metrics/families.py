"""Prometheus's families, made the way ours are named."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Labelled = Iterable[tuple[tuple[str, ...], float | None]]


def gauge_family(name: str, about: str, labels: tuple[str, ...], values: Labelled) -> Metric:
    """What is not known has no sample."""
    made = GaugeMetricFamily(f"wedsync_{name}", about, labels=labels)
    for of, value in values:
        if value is not None:
            made.add_metric(of, float(value))
    return made


def counter_family(name: str, about: str, labels: tuple[str, ...]) -> CounterMetricFamily:
    return CounterMetricFamily(f"wedsync_{name}", about, labels=labels)


def single_gauge(name: str, about: str, value: float | None) -> Metric:
    return gauge_family(name, about, (), [((), value)])


def epoch_seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def as_seconds(number: float | None) -> float | None:
    return None if number is None else number / 1000
