"""Linked accounts in Prometheus's words."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from health.metrics.families import (
    gauge,
    seconds,
)
from health.vocabulary.readings import (
    Linked,
    ProviderHealth,
)

PROVIDER = ("provider",)


def of(providers: Sequence[ProviderHealth]) -> Iterator[Metric]:
    found = [one.accounts for one in providers if one.accounts is not None]
    yield gauge(
        "calendar_accounts",
        "Linked accounts: all that may be used, those whose calls fail, and those to reconnect.",
        (*PROVIDER, "state"),
        [((one.vendor, state), count) for one in found for state, count in states(one)],
    )
    yield gauge(
        "calendar_trouble",
        "Calendars, subscriptions, address books and appointments that need a look.",
        (*PROVIDER, "what"),
        [((one.vendor, what), count) for one in found for what, count in trouble(one)],
    )
    yield gauge(
        "calendar_waiting_appointments",
        "Appointments to be written into calendars.",
        PROVIDER,
        [((one.vendor,), one.waiting) for one in found],
    )
    yield gauge(
        "calendar_last_poll_timestamp_seconds",
        "When a calendar was last read.",
        PROVIDER,
        [((one.vendor,), seconds(one.last_poll_at)) for one in found],
    )
    yield gauge(
        "calendar_next_expiry_timestamp_seconds",
        "When the next subscription ends, unless it is renewed before.",
        PROVIDER,
        [((one.vendor,), seconds(one.next_expiry_at)) for one in found],
    )


def states(one: Linked) -> list[tuple[str, int]]:
    return [
        ("linked", one.accounts),
        ("failing", one.failing.count),
        ("reconnect", one.reconnect.count),
    ]


def trouble(one: Linked) -> list[tuple[str, int]]:
    return [
        ("late", one.late.count + one.late_books.count),
        ("silent", one.silent.count),
        ("unannounced", one.unannounced.count),
        ("overdue", one.overdue.count),
        ("held", one.held.count + one.held_books.count),
        ("unwritten", one.unwritten.count),
    ]
