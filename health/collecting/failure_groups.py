"""What failed for the same reason is one thing to a person: grouped, with an example."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from communications.models import Event
from health.collecting.outcome_counts import (
    NO_CLASS,
    OTHER,
    OutcomeCounts,
    OutcomeKey,
)
from health.models import Failure, Rollup
from health.vocabulary import remedies
from health.vocabulary.readings import FailureGroup

FAILURES_SHOWN = timedelta(hours=24)
MAX_GROUPS = 20
MAX_EXAMPLE_CHARACTERS = 300

Reasons = Counter[tuple[str, str]]


def failure_fingerprint(provider: str, reason: str) -> str:
    return hashlib.blake2s(f"{provider}\n{reason}".encode(), digest_size=16).hexdigest()


def keep_examples(outcomes_by_key: Mapping[OutcomeKey, OutcomeCounts]) -> None:
    """Keeps the newest example of every reason that was counted."""
    wanted = {
        (provider, organization, reason): example
        for (provider, organization), outcomes in outcomes_by_key.items()
        for reason, example in outcomes.examples.items()
        if reason != OTHER
    }
    events = Event.objects.select_related("attempt").in_bulk(set(wanted.values()))
    for (provider, organization, reason), example in wanted.items():
        if event := events.get(example):
            upsert_failure(provider, organization, reason, event)


def upsert_failure(provider: str, organization: int | None, reason: str, event: Event) -> None:
    error_class, code = split_reason(reason)
    example = {
        "text": event.detail,
        "exchange": redacted_exchange(event),
        "last_seen": event.recorded_at,
    }
    owner: Any = organization
    Failure.objects.update_or_create(
        organization_id=owner,
        fingerprint=failure_fingerprint(provider, reason),
        defaults=example,
        create_defaults={
            **example,
            "provider": provider,
            "error_class": error_class,
            "error_code": code,
            "first_seen": event.recorded_at,
        },
    )


def split_reason(reason: str) -> tuple[str, str]:
    error_class, _, code = reason.partition(" ")
    return ("" if error_class == NO_CLASS else error_class), code


def redacted_exchange(event: Event) -> dict[str, Any]:
    """Ids and the provider's answer, redacted where it was stored."""
    attempt = event.attempt
    found = {"message": str(event.message_id), "event": event.pk, "source": event.source}
    if attempt is not None:
        found |= {
            "attempt": attempt.number,
            "call": str(attempt.call_id),
            "provider_id": attempt.provider_id,
            "started_at": attempt.started_at.isoformat(),
            "response": attempt.response,
        }
    return found


def collect_failure_groups(organization: int | None, now: datetime) -> tuple[FailureGroup, ...]:
    """The most frequent of the last day first."""
    rows = Rollup.objects.filter(organization=organization, at__gte=now - FAILURES_SHOWN)
    counts: Reasons = Counter()
    for provider, reasons in rows.exclude(reasons={}).values_list("provider", "reasons"):
        counts.update({(provider, reason): count for reason, count in reasons.items()})
    top = counts.most_common(MAX_GROUPS)
    known = examples_by_fingerprint(organization, (failure_fingerprint(*key) for key, _ in top))
    return tuple(
        failure_group(key, count, known.get(failure_fingerprint(*key))) for key, count in top
    )


def examples_by_fingerprint(
    organization: int | None, fingerprints: Iterable[str]
) -> dict[str, Failure]:
    rows = Failure.objects.filter(organization=organization, fingerprint__in=list(fingerprints))
    return {failure.fingerprint: failure for failure in rows}


def failure_group(key: tuple[str, str], count: int, example: Failure | None) -> FailureGroup:
    provider, reason = key
    error_class, code = split_reason(reason)
    return FailureGroup(
        provider=provider,
        error_class=error_class,
        error_code=code,
        count=count,
        text=example.text[:MAX_EXAMPLE_CHARACTERS] if example else "",
        first_seen=example.first_seen if example else None,
        last_seen=example.last_seen if example else None,
        advice=remedies.remedy_for(error_class),
        id=example.pk if example else None,
    )


def prune_failures() -> int:
    """Deletes what was last seen 90 days ago; returns how many rows."""
    return Failure.objects.filter(last_seen__lt=timezone.now() - timedelta(days=90)).delete()[0]
