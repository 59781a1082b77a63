"""Observations for tests: a healthy moment, and what is changed about it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from health.collecting.closed_senders import ClosedSender
from health.collecting.missing_webhooks import AwaitedReceipts
from health.collecting.observation import (
    Observation,
    OpenIncident,
    ProviderObservation,
)
from health.models import Incident, Probe
from health.vocabulary.readings import (
    CalendarHealth,
    CountWithExample,
    QueueReading,
)
from wedsync_comms.lib.breaker import QUOTA, UNREACHABLE, BreakerState

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(seconds: float) -> datetime:
    return NOON + seconds * SECOND


def provider(**values: Any) -> ProviderObservation:
    return ProviderObservation(
        **{"slug": "resend", "channel": "email", "webhook": "resend", **values}
    )


def healthy_observation(
    *providers: ProviderObservation, seconds: float = 0, **values: Any
) -> Observation:
    now = at(seconds)
    alive = dict.fromkeys(("dispatcher", "worker", "evaluator"), now)
    return Observation(**{"at": now, "providers": providers, "beats": alive, **values})


def with_open(observation: Observation) -> Observation:
    """Knowing what is open, as the next evaluation does."""
    found = {
        incident.cause: OpenIncident(kind=incident.kind, last_seen_at=incident.last_seen_at)
        for incident in Incident.objects.open()
    }
    return replace(observation, open=found)


# The organization of closed senders. Where it has to be there, no other one has its id.
BARN = 7_000_007


def closed_sender(**values: Any) -> ClosedSender:
    usual = {
        "provider": "resend",
        "channel": "email",
        "sender": "hello@barn.example",
        "organization": BARN,
        "organization_name": "The Barn",
        "is_own": True,
        "reason": "The barn.example domain is not verified.",
    }
    return ClosedSender(**{**usual, **values})


def calendar_health(**values: Any) -> CalendarHealth:
    return CalendarHealth(**{"vendor": "google", "accounts": 2, **values})


def failing(seconds: float = 0, **values: Any) -> ProviderObservation:
    return provider(**{"failed": 5, "last_failed_at": at(seconds), **values})


def probed(*, ok: bool, seconds: float = 0, **values: Any) -> Probe:
    columns = {"subject": "resend", "checked_at": at(seconds), **values}
    return Probe(ok=ok, **columns)


def unheard(count: int, since: float, usual: float = 10) -> AwaitedReceipts:
    return AwaitedReceipts(count, at(since), usual * SECOND)


AWAY = BreakerState("open", reason="we cannot reach it", cause=UNREACHABLE)
OPEN = BreakerState("open", reason="9 of the last 12 attempts failed", opened_at=NOON)
REFUSED = BreakerState("open", reason="API key is invalid", opened_at=NOON, paused=True)
USED_UP = replace(REFUSED, reason="You have reached your daily quota.", cause=QUOTA)
HELD = BreakerState("open", reason="Paused by anna.", opened_at=NOON, paused=True, held=True)

# What is wrong -> the moment at which it shows.
WRONG: dict[str, Observation] = {
    "credentials": healthy_observation(provider(breaker=REFUSED)),
    "storage": healthy_observation(provider(), storage_failures=3),
    "quota": healthy_observation(provider(breaker=USED_UP)),
    "sender": healthy_observation(provider(), closed_senders=2 * (closed_sender(is_own=False),)),
    "sender busy": healthy_observation(
        provider(), closed_senders=2 * (closed_sender(is_busy=True, organization=None),)
    ),
    "network": healthy_observation(provider(breaker=AWAY), provider(slug="twilio", breaker=AWAY)),
    "no connection": healthy_observation(provider(breaker=AWAY), provider(slug="twilio")),
    "breaker": healthy_observation(provider(breaker=OPEN)),
    "failing": healthy_observation(failing()),
    "often failing": healthy_observation(failing(accepted=15)),
    "unreachable": healthy_observation(
        provider(probe=probed(ok=False, streak=2, error_class="TransientError")),
    ),
    "hanging": healthy_observation(provider(hanging=1)),
    "slow": healthy_observation(provider(p50_ms=2_100.0, usual_ms=120.0, accepted=5)),
    "throttled": healthy_observation(provider(throttled=4, accepted=6)),
    "paused": healthy_observation(provider(breaker=HELD)),
    "texts": healthy_observation(provider(unreadable="This API key is restricted.")),
    "account": healthy_observation(provider(probe=probed(ok=True, is_warning=True, reason="RED"))),
    "endpoint": healthy_observation(provider(endpoint=probed(ok=False, streak=2, reason="502"))),
    "silence": healthy_observation(provider(awaited=unheard(3, -20))),
    "forged": healthy_observation(provider(forged=12)),
    "dispatcher": healthy_observation(provider(), beats={"dispatcher": at(-16)}),
    "worker": healthy_observation(provider(), beats={"worker": at(-50)}),
    "scheduler": healthy_observation(provider(), overdue="poll receipts"),
    "queue": healthy_observation(
        provider(), queue=QueueReading(due=9, oldest_age={"urgent": 31.0})
    ),
    "deliveries": healthy_observation(provider(), queue=QueueReading(stuck_deliveries=1)),
    "unknown": healthy_observation(provider(), oldest_unknown=at(-46 * 60)),
    "alerts": healthy_observation(provider(), failing_alerts={"json://away": (3, "no answer")}),
    "calendars away": healthy_observation(
        calendars=(
            calendar_health(failing=CountWithExample(2, 1)),
            calendar_health(failing=CountWithExample(1, 2)),
        ),
    ),
    "reconnect": healthy_observation(
        calendars=(calendar_health(reconnect=CountWithExample(1, 1)),)
    ),
    "mailbox failing": healthy_observation(
        calendars=(calendar_health(failing=CountWithExample(2, 1)),)
    ),
    "reading late": healthy_observation(
        calendars=(calendar_health(late_books=CountWithExample(1, 1)),)
    ),
    "calendar endpoint": healthy_observation(
        calendar_endpoint=probed(ok=False, streak=2, subject="calendar", reason="502"),
    ),
    "push overdue": healthy_observation(
        calendars=(calendar_health(overdue=CountWithExample(1, 1)),)
    ),
    "push silence": healthy_observation(
        calendars=(calendar_health(silent=CountWithExample(1, 1)),)
    ),
    "deletions held": healthy_observation(
        calendars=(calendar_health(held=CountWithExample(1, 1)),)
    ),
    "unwritten": healthy_observation(
        calendars=(calendar_health(unwritten=CountWithExample(1, 1)),)
    ),
}
