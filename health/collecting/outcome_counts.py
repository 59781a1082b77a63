"""events -> sums per provider and organization: one grouped query for any stretch of time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    F,
    Func,
    IntegerField,
    Max,
    Q,
    When,
)

from communications.models import Event
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status
from health.vocabulary import histogram
from wedsync_comms.lib import errors

# An organization's id; None for all of them together.
OutcomeKey = tuple[str, int | None]

RECEIPT_SOURCES = (Source.WEBHOOK, Source.POLL)
RESULT_KINDS = (Kind.ACCEPTED, Kind.FAILED, Kind.UNANSWERED)
# What a provider reports by itself soon after it took a message; opens and reads come when a
# person likes.
PROMPT_RECEIPTS = (Kind.SENT, Kind.DELIVERED, Kind.BOUNCED, Kind.FAILED)
UNDELIVERED = (Status.FAILED, Status.BOUNCED)
# Nothing that the provider did wrong.
REFUSALS = {
    name
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, errors.PermanentError | errors.SenderRejected)
}
THROTTLED = errors.RateLimited.__name__
# More different reasons than this in five minutes are a flood: the rest counts as one.
MAX_REASONS = 40
OTHER = "other"
NO_CLASS = "-"


@dataclass
class OutcomeCounts:
    accepted: int = 0
    failed: int = 0
    refused: int = 0
    throttled: int = 0
    retries: int = 0
    failovers: int = 0
    receipts: int = 0
    polled: int = 0
    undelivered: int = 0
    latency: list[int] = field(default_factory=histogram.empty_histogram)
    delay: list[int] = field(default_factory=histogram.empty_histogram)
    reasons: Counter[str] = field(default_factory=Counter)
    # The newest event of each reason.
    examples: dict[str, int] = field(default_factory=dict)
    last_accepted_at: datetime | None = None
    last_failed_at: datetime | None = None
    last_receipt_at: datetime | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        source = row["source"]
        if source in RECEIPT_SOURCES:
            self.add_receipt(row)
        elif row["kind"] in RESULT_KINDS:
            self.add_result(row)
        elif row["kind"] == Kind.RETRY:
            self.retries += row["count"]
        elif row["kind"] == Kind.FAILOVER:
            self.failovers += row["count"]

    def add_result(self, row: Mapping[str, Any]) -> None:
        count, reason = row["count"], row["attempt__error_class"] or ""
        if row["slot"] is not None:
            self.latency[row["slot"]] += count
        if row["kind"] == Kind.ACCEPTED:
            self.accepted += count
            self.last_accepted_at = newer_of(self.last_accepted_at, row["last"])
            return
        self.explain(row)
        if reason == THROTTLED:
            self.throttled += count
        elif reason in REFUSALS:
            self.refused += count
        else:
            self.failed += count
            self.last_failed_at = newer_of(self.last_failed_at, row["last"])

    def add_receipt(self, row: Mapping[str, Any]) -> None:
        count = row["count"]
        if row["source"] == Source.POLL:
            self.polled += count
        else:
            self.receipts += count
            self.last_receipt_at = newer_of(self.last_receipt_at, row["last"])
            if row["kind"] in PROMPT_RECEIPTS and row["slot"] is not None:
                self.delay[row["slot"]] += count
        if row["status"] in UNDELIVERED:
            self.undelivered += count
            self.explain(row)

    def explain(self, row: Mapping[str, Any]) -> None:
        key = reason_key(row["attempt__error_class"] or "", row["error_code"])
        if key not in self.reasons and len(self.reasons) >= MAX_REASONS:
            key = OTHER
        self.reasons[key] += row["count"]
        self.examples[key] = max(self.examples.get(key, 0), row["newest"])


def reason_key(error_class: str, code: str) -> str:
    return f"{error_class or NO_CLASS} {code}".strip()


def newer_of(first: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (first, other)), default=None)


def count_outcomes(since: datetime, until: datetime) -> dict[OutcomeKey, OutcomeCounts]:
    """What happened from `since` on and before `until`, for each provider: by organization, and
    for all of them."""
    found: dict[OutcomeKey, OutcomeCounts] = {}
    for row in outcome_rows(since, until):
        for organization in (row["organization_id"], None):
            found.setdefault((row["provider"], organization), OutcomeCounts()).add(row)
    return found


def outcome_rows(since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
    """Reads the index on `recorded_at`, so its cost is that of the stretch."""
    rows = Event.objects.filter(recorded_at__gte=since, recorded_at__lt=until)
    rows = rows.exclude(provider="").filter(
        Q(kind__in=[*RESULT_KINDS, Kind.RETRY, Kind.FAILOVER]) | Q(source__in=RECEIPT_SOURCES),
    )
    return (
        rows.annotate(slot=histogram_slot())
        .order_by()
        .values(
            "provider",
            "organization_id",
            "source",
            "kind",
            "status",
            "error_code",
            "attempt__error_class",
            "slot",
        )
        .annotate(count=Count("id"), last=Max("recorded_at"), newest=Max("id"))
        .iterator()
    )


def histogram_slot() -> "HistogramSlot":
    """Of a result how long the call took, of a receipt how long after the call it came."""
    end = Case(
        When(source=Source.RESPONSE, then=F("attempt__finished_at")),
        default=F("recorded_at"),
        output_field=DateTimeField(),
    )
    return HistogramSlot(F("attempt__started_at"), end)


class HistogramSlot(Func):
    """The slot of the histogram for the time from one moment to another; NULL if one is missing.

    By each database's own means: as an expression of Django's, SQLite would call Python for every
    row and every bound.
    """

    output_field = IntegerField()
    bounds = ", ".join(map(str, histogram.BOUNDS))

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # noqa: ARG002
        took = "extract(epoch FROM %(end)s - %(start)s) * 1000"
        return self.filled(f"width_bucket({took}, ARRAY[{self.bounds}]::numeric[])", compiler)

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:  # noqa: ARG002
        took = "(julianday(%(end)s) - julianday(%(start)s)) * 86400000"
        found = f"(SELECT count(*) FROM json_each('[{self.bounds}]') WHERE value < {took})"  # noqa: S608 (numbers of ours)
        return self.filled(f"CASE WHEN %(start)s IS NOT NULL THEN {found} END", compiler)

    def filled(self, template: str, compiler: Any) -> tuple[str, list[Any]]:
        [start, _], [end, values] = (
            compiler.compile(expression) for expression in self.source_expressions
        )
        return template % {"start": start, "end": end}, list(values)
