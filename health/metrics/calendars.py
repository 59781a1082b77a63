"""Linked accounts in Prometheus's words."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from health.metrics.families import (
    epoch_seconds,
    gauge_family,
)
from health.vocabulary.readings import (
    CalendarHealth,
    ProviderHealth,
)

PROVIDER = ("provider",)


def calendar_metrics(providers: Sequence[ProviderHealth]) -> Iterator[Metric]:
    found = [provider.accounts for provider in providers if provider.accounts is not None]
    yield gauge_family(
        "calendar_accounts",
        "Linked accounts: all that may be used, those whose calls fail, and those to reconnect.",
        (*PROVIDER, "state"),
        [
            ((health.vendor, state), count)
            for health in found
            for state, count in account_states(health)
        ],
    )
    yield gauge_family(
        "calendar_trouble",
        "Calendars, subscriptions, address books and appointments that need a look.",
        (*PROVIDER, "what"),
        [
            ((health.vendor, what), count)
            for health in found
            for what, count in calendar_problems(health)
        ],
    )
    yield gauge_family(
        "calendar_waiting_appointments",
        "Appointments to be written into calendars.",
        PROVIDER,
        [((health.vendor,), health.waiting) for health in found],
    )
    yield gauge_family(
        "calendar_last_poll_timestamp_seconds",
        "When a calendar was last read.",
        PROVIDER,
        [((health.vendor,), epoch_seconds(health.last_poll_at)) for health in found],
    )
    yield gauge_family(
        "calendar_next_expiry_timestamp_seconds",
        "When the next subscription ends, unless it is renewed before.",
        PROVIDER,
        [((health.vendor,), epoch_seconds(health.next_expiry_at)) for health in found],
    )


def account_states(health: CalendarHealth) -> list[tuple[str, int]]:
    return [
        ("linked", health.accounts),
        ("failing", health.failing.count),
        ("reconnect", health.reconnect.count),
    ]


def calendar_problems(health: CalendarHealth) -> list[tuple[str, int]]:
    return [
        ("late", health.late.count + health.late_books.count),
        ("silent", health.silent.count),
        ("unannounced", health.unannounced.count),
        ("overdue", health.overdue.count),
        ("held", health.held.count + health.held_books.count),
        ("unwritten", health.unwritten.count),
    ]
