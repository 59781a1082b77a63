"""`/metrics`: the summary in Prometheus's words. Computed when asked, from rows that all processes
share, so any web process may answer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import accumulate

from django.conf import settings
from django.http import HttpRequest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.registry import Collector

from communications.models import Priority
from communications.providers import registry
from health.collecting import (
    forged_webhooks,
    rollups,
)
from health.collecting.host import PROCESSES
from health.metrics import calendars
from health.metrics.families import (
    as_seconds,
    counter_family,
    epoch_seconds,
    gauge_family,
    single_gauge,
)
from health.metrics.providers import provider_metrics
from health.models import Alert
from health.reporting import summary
from health.vocabulary import histogram
from health.vocabulary.readings import (
    State,
    Summary,
)
from wedsync_comms.lib.secrets import is_same

__all__ = ["CONTENT_TYPE", "metrics_refusal", "metrics_text"]

CALL_RESULTS = ("accepted", "failed", "refused", "throttled")
PROVIDER_COUNTERS = {
    "retries": "Attempts that were planned after a failed one.",
    "failovers": "Messages that went on to another provider.",
    "receipts": "Events that came by webhook.",
    "undelivered": "Messages that were taken, and reported as failed or bounced later.",
}


def metrics_refusal(request: HttpRequest) -> str:
    """Why the caller may not read them; empty if they may."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        if is_same(given, f"Bearer {settings.METRICS_TOKEN}"):
            return ""
        return "Send “Authorization: Bearer …” with METRICS_TOKEN.\n"
    if "X-Forwarded-For" in request.headers or not is_private_address(
        request.META.get("REMOTE_ADDR", "")
    ):
        return "Only this machine and private networks may ask. Set METRICS_TOKEN for others.\n"
    return ""


def is_private_address(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        # A Unix socket has no address, and is on this machine.
        return not address
    return found.is_loopback or found.is_private


def metrics_text() -> bytes:
    """Returns Prometheus's text, of everything there is."""
    collectors = CollectorRegistry()
    collectors.register(SummaryCollector(summary.build_summary(None)))
    return generate_latest(collectors)


class SummaryCollector(Collector):
    def __init__(self, summary: Summary) -> None:
        self.summary = summary

    def collect(self) -> Iterator[Metric]:
        configured = [
            provider for provider in self.summary.providers if provider.status != State.UNCONFIGURED
        ]
        yield from provider_metrics(configured)
        yield from calendars.calendar_metrics(configured)
        yield from traffic_metrics()
        yield from webhook_metrics()
        yield from queue_metrics(self.summary)
        yield from process_metrics(self.summary)
        yield from host_metrics(self.summary)
        yield from incident_metrics(self.summary)


def traffic_metrics() -> Iterator[Metric]:
    totals = rollups.provider_totals()
    calls = counter_family("provider_calls", "Calls to a provider.", ("provider", "result"))
    took = HistogramMetricFamily(
        "wedsync_provider_call_seconds",
        "How long calls took.",
        labels=("provider",),
    )
    for provider, found in totals.items():
        for result in CALL_RESULTS:
            calls.add_metric((provider, result), found[result])
        took.add_metric((provider,), buckets=latency_buckets(found["latency"]), sum_value=None)
    yield calls
    yield took
    for name, about in PROVIDER_COUNTERS.items():
        made = counter_family(f"provider_{name}", about, ("provider",))
        for provider, found in totals.items():
            made.add_metric((provider,), found[name])
        yield made


def latency_buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    ends = [*(str(bound / 1000) for bound in histogram.BOUNDS), "+Inf"]
    return list(zip(ends, map(float, accumulate(counts)), strict=True))


def webhook_metrics() -> Iterator[Metric]:
    made = counter_family("webhooks_forged", "Webhooks refused for their signature.", ("webhook",))
    names = {registry.provider_for(slug).webhook for slug in settings.PROVIDERS} - {""}
    for name in sorted(names):
        made.add_metric((name,), forged_webhooks.forged_total(name))
    yield made


def queue_metrics(found: Summary) -> Iterator[Metric]:
    waiting = found.queue
    states = ("due", "scheduled", "in_flight", "unknown")
    yield gauge_family(
        "queue_messages",
        "Messages by where they wait; counting ends at 10,000.",
        ("state",),
        [((state,), getattr(waiting, state)) for state in states],
    )
    yield gauge_family(
        "queue_oldest_seconds",
        "How long the oldest due message waits.",
        ("priority",),
        [
            ((priority.name.lower(),), waiting.oldest_age.get(priority.name.lower(), 0))
            for priority in Priority
        ],
    )
    yield gauge_family(
        "deliveries",
        "Stored webhooks that are not applied.",
        ("state",),
        [(("waiting",), waiting.unapplied), (("given_up",), waiting.stuck_deliveries)],
    )


def process_metrics(found: Summary) -> Iterator[Metric]:
    alive = Counter(process.name for process in found.workers if process.alive)
    names = [(name,) for name in PROCESSES]
    yield gauge_family(
        "processes_alive",
        "Processes that were heard of in the last 30 seconds.",
        ("process",),
        [(name, alive[name[0]]) for name in names],
    )
    yield single_gauge(
        "evaluator_last_run_timestamp_seconds",
        "When the rules were last applied: the dead man's switch.",
        epoch_seconds(found.evaluated_at),
    )


def host_metrics(found: Summary) -> Iterator[Metric]:
    there = found.host
    yield single_gauge("database_latency_seconds", "SELECT 1.", as_seconds(there.database_ms))
    yield single_gauge("redis_latency_seconds", "PING.", as_seconds(there.redis_ms))
    yield single_gauge("redis_up", "Whether Redis answers; none without Redis.", there.redis_ok)
    yield single_gauge("disk_used_ratio", "The share of the disk that is used.", there.disk_used)


def incident_metrics(found: Summary) -> Iterator[Metric]:
    open_now = Counter(
        (incident.kind, incident.severity.value, incident.provider) for incident in found.incidents
    )
    yield gauge_family(
        "incidents_open",
        "Open incidents.",
        ("kind", "severity", "provider"),
        open_now.items(),
    )
    yield single_gauge(
        "alerts_failing",
        "Alerts that no channel took yet.",
        Alert.objects.failing().count(),
    )
