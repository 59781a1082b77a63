"""What is known about the system's health, in our words: what the page, the API and the metrics
read. Nothing here holds a person's address or the text of a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import TextChoices


class State(TextChoices):
    """How a provider is; the worst of several is the last of them."""

    UNCONFIGURED = "unconfigured", "not configured"
    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    DOWN = "down"

    @property
    def rank(self) -> int:
        return list(State).index(self)


class Severity(TextChoices):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class BreakerReading:
    """`state` is "closed", "open" or "half-open"."""

    state: str = "closed"
    reason: str = ""
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    paused: bool = False
    # Paused by a person, and until a person resumes it.
    held: bool = False
    # No connection to the provider comes about.
    unreachable: bool = False


@dataclass(frozen=True, kw_only=True)
class RateLimitReading:
    """`headroom` is the share of the rate that is not used lately, from 0 to 1."""

    per_second: float
    headroom: float
    # Seconds until anything may go out again, because the provider said stop.
    held_for: float = 0.0
    # Whether the provider told its rate, or we only assume it.
    learned: bool = False
    # What it told, or what we assume; and whether less is sent, because refusals have shown that
    # less is permitted.
    said: float = 0.0
    found: bool = False

    @property
    def origin(self) -> str:
        """Whose figure `per_second` is: "learned" from refusals, the "vendor"'s or "configured"."""
        if self.found:
            return "learned"
        return "vendor" if self.learned else "configured"


@dataclass(frozen=True, kw_only=True)
class ProbeReading:
    """One question asked and its answer. `ok` is None before it was ever asked."""

    ok: bool | None = None
    checked_at: datetime | None = None
    latency_ms: float | None = None
    # A sentence: what was found, or what was in the way.
    reason: str = ""
    # What the provider says about the account: quality_rating, domains …
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChartPoint:
    """One bucket of a chart, which begins at `at`."""

    at: datetime
    # Calls that a provider accepted, and calls that failed by its fault.
    sent: int = 0
    failed: int = 0
    # Refused for the message's own sake: a wrong address, an opt-out.
    refused: int = 0
    throttled: int = 0
    retries: int = 0
    failovers: int = 0
    # Receipts that came by webhook.
    receipts: int = 0
    p95_ms: float | None = None


@dataclass(frozen=True)
class CountWithExample:
    """So many of something, and the account that the first of them belongs to."""

    count: int = 0
    account: int | None = None


@dataclass(frozen=True, kw_only=True)
class CalendarHealth:
    """One vendor's linked accounts of one organization (None: of all of them) with their calendars
    and address books, as our own rows know them."""

    vendor: str
    organization: int | None = None
    owner: str = ""
    # Those that may be used, and the calendars of theirs that are kept up to date.
    accounts: int = 0
    followed: int = 0
    # Accounts whose permission is gone, and those whose calls fail; `why` names the error.
    reconnect: CountWithExample = CountWithExample()
    failing: CountWithExample = CountWithExample()
    why: str = ""
    # Calendars and address books that should have been read long ago.
    late: CountWithExample = CountWithExample()
    late_books: CountWithExample = CountWithExample()
    # Calendars whose changes were found and not announced, and those nobody announces.
    silent: CountWithExample = CountWithExample()
    unannounced: CountWithExample = CountWithExample()
    # Announcements that are not renewed although it is time.
    overdue: CountWithExample = CountWithExample()
    # Much is gone at once there: a person decides.
    held: CountWithExample = CountWithExample()
    held_books: CountWithExample = CountWithExample()
    # Appointments to be written into calendars, and those of them that wait for long.
    waiting: int = 0
    unwritten: CountWithExample = CountWithExample()
    last_push_at: datetime | None = None
    last_poll_at: datetime | None = None
    last_failure_at: datetime | None = None
    # When the next announcement ends, unless it is renewed.
    next_expiry_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderHealth:
    provider: str
    channel: str
    status: State
    # One sentence: why the status is what it is.
    reason: str = ""
    # None: of calendars there is none.
    breaker: BreakerReading | None = BreakerReading()
    # Over the last quarter of an hour; None without traffic.
    success_rate: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_webhook_at: datetime | None = None
    # Silence is a reason to worry from then on; None while nothing is expected.
    webhook_expected_by: datetime | None = None
    rate_limit: RateLimitReading | None = None
    webhook_endpoint: ProbeReading = ProbeReading()
    probe: ProbeReading = ProbeReading()
    # The last 24 hours by the hour, and the last 2 by five minutes; oldest first, without gaps.
    hourly: tuple[ChartPoint, ...] = ()
    five_minutes: tuple[ChartPoint, ...] = ()
    # Webhooks with a wrong signature in the last hour. Platform only.
    forged: int = 0
    # Of a calendar vendor.
    accounts: CalendarHealth | None = None
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class QueueReading:
    due: int = 0
    scheduled: int = 0
    in_flight: int = 0
    unknown: int = 0
    # Deliveries that wait to be applied, and those given up on until a person replays them.
    unapplied: int = 0
    stuck_deliveries: int = 0
    # Seconds that the oldest due message waits, by priority ("urgent", "normal", "bulk").
    oldest_age: Mapping[str, float] = field(default_factory=dict)
    # Where counting ended: a number that high means "at least".
    counted_up_to: int = 10_000


@dataclass(frozen=True, kw_only=True)
class ProcessReading:
    """`name` is what it does ("dispatcher", "worker", "evaluator"), `instance` which one."""

    name: str
    instance: str
    last_beat: datetime
    alive: bool


@dataclass(frozen=True, kw_only=True)
class Host:
    database_ms: float | None = None
    # None where there is no Redis, or it does not answer; `redis_ok` tells which.
    redis_ms: float | None = None
    redis_ok: bool | None = None
    # The share of the disk that is used, from 0 to 1.
    disk_used: float | None = None
    disk_free_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentView:
    """`evidence`, `acknowledged_by` and the history are the platform's; an organization sees what
    is wrong, since when, and what happens to its messages meanwhile."""

    id: int
    cause: str
    kind: str
    severity: Severity
    title: str
    provider: str
    opened_at: datetime
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    # What the system did by itself, and what a person can do; sentences.
    did: str = ""
    advice: str = ""
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """Failures of the last 24 hours with one reason."""

    provider: str
    # The name of a class in lib.errors, which is the remedy; and the provider's own code.
    error_class: str
    error_code: str
    count: int
    # An example, shortened.
    text: str
    first_seen: datetime | None
    last_seen: datetime | None
    advice: str = ""
    # Of the Failure that keeps the redacted exchange.
    id: int | None = None
    # The messages behind it; blank: the page knows.
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One organization's view, or the platform's (`organization` None)."""

    organization: int | None
    at: datetime
    status: State
    providers: tuple[ProviderHealth, ...]
    queue: QueueReading
    workers: tuple[ProcessReading, ...]
    host: Host
    # Open ones, the worst first; and those resolved in the last day, newest first.
    incidents: tuple[IncidentView, ...]
    resolved: tuple[IncidentView, ...]
    failures: tuple[FailureGroup, ...]
    # When the rules were last applied: an old time means that nobody watches.
    evaluated_at: datetime | None = None
    watched: bool = True


# The widths of the two series.
HOUR = timedelta(hours=1)
FIVE_MINUTES = timedelta(minutes=5)
