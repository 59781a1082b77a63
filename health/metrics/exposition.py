"""`/metrics`: the summary in Prometheus's words. Computed when asked, from rows that all processes
share, so any web process may answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
    counter,
    gauge,
    seconds,
    single,
    thousandth,
)
from health.models import Alert
from health.reporting import summary
from health.vocabulary import histogram
from health.vocabulary.readings import (
    ProviderHealth,
    State,
    Summary,
)
from wedsync_comms.lib.secrets import is_same

__all__ = ["CONTENT_TYPE", "refusal", "text"]

RESULTS = ("accepted", "failed", "refused", "throttled")
COUNTED = {
    "retries": "Attempts that were planned after a failed one.",
    "failovers": "Messages that went on to another provider.",
    "receipts": "Events that came by webhook.",
    "undelivered": "Messages that were taken, and reported as failed or bounced later.",
}


def refusal(request: HttpRequest) -> str:
    """Why the caller may not read them; empty if they may."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        if is_same(given, f"Bearer {settings.METRICS_TOKEN}"):
            return ""
        return "Send “Authorization: Bearer …” with METRICS_TOKEN.\n"
    if "X-Forwarded-For" in request.headers or not is_near(request.META.get("REMOTE_ADDR", "")):
        return "Only this machine and private networks may ask. Set METRICS_TOKEN for others.\n"
    return ""


def is_near(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        # A Unix socket has no address, and is on this machine.
        return not address
    return found.is_loopback or found.is_private


def text() -> bytes:
    collectors = CollectorRegistry()
    collectors.register(Found(summary.build(None)))
    return generate_latest(collectors)


class Found(Collector):
    def __init__(self, summary: Summary) -> None:
        self.summary = summary

    def collect(self) -> Iterator[Metric]:
        configured = [one for one in self.summary.providers if one.status != State.UNCONFIGURED]
        yield from providers(configured)
        yield from calendars.of(configured)
        yield from traffic()
        yield from webhooks()
        yield from queue(self.summary)
        yield from processes(self.summary)
        yield from machine(self.summary)
        yield from incidents(self.summary)


PROVIDER = ("provider", "channel")
OF_A_PROVIDER: tuple[tuple[str, str, Callable[[ProviderHealth], float | None]], ...] = (
    (
        "success_ratio",
        "The share of calls of the last 15 minutes that did not fail by the provider's fault.",
        lambda one: one.success_rate,
    ),
    (
        "breaker_open",
        "1 while nothing is sent through the provider.",
        lambda one: float(one.breaker.state == "open") if one.breaker else None,
    ),
    (
        "paused",
        "1 while it is paused, by itself or by a person.",
        lambda one: float(one.breaker.paused) if one.breaker else None,
    ),
    (
        "rate_headroom_ratio",
        "The share of the permitted rate that is not used lately.",
        lambda one: one.rate_limit.headroom if one.rate_limit else None,
    ),
    (
        "rate_per_second",
        "What the provider permits, as far as it is known.",
        lambda one: one.rate_limit.per_second if one.rate_limit else None,
    ),
    ("probe_ok", "1 if the last probe was answered.", lambda one: one.probe.ok),
    (
        "webhook_endpoint_ok",
        "1 if our own address took a signed sample.",
        lambda one: one.webhook_endpoint.ok,
    ),
    (
        "last_success_timestamp_seconds",
        "When it last took a message.",
        lambda one: seconds(one.last_success_at),
    ),
    (
        "last_webhook_timestamp_seconds",
        "When its last webhook was applied.",
        lambda one: seconds(one.last_webhook_at),
    ),
    (
        "webhook_expected_timestamp_seconds",
        "When the next webhook is expected.",
        lambda one: seconds(one.webhook_expected_by),
    ),
)


def providers(found: list[ProviderHealth]) -> Iterator[Metric]:
    yield gauge(
        "provider_status",
        "1 for the status a provider has, 0 for the others.",
        (*PROVIDER, "status"),
        [
            ((one.provider, one.channel, state.value), one.status == state)
            for one in found
            for state in (State.OPERATIONAL, State.DEGRADED, State.DOWN)
        ],
    )
    for name, about, value in OF_A_PROVIDER:
        rows = [((one.provider, one.channel), value(one)) for one in found]
        yield gauge(f"provider_{name}", about, PROVIDER, rows)


def traffic() -> Iterator[Metric]:
    totals = rollups.totals()
    calls = counter("provider_calls", "Calls to a provider.", ("provider", "result"))
    took = HistogramMetricFamily(
        "wedsync_provider_call_seconds",
        "How long calls took.",
        labels=("provider",),
    )
    for provider, found in totals.items():
        for result in RESULTS:
            calls.add_metric((provider, result), found[result])
        took.add_metric((provider,), buckets=buckets(found["latency"]), sum_value=None)
    yield calls
    yield took
    for name, about in COUNTED.items():
        made = counter(f"provider_{name}", about, ("provider",))
        for provider, found in totals.items():
            made.add_metric((provider,), found[name])
        yield made


def buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    ends = [*(str(bound / 1000) for bound in histogram.BOUNDS), "+Inf"]
    return list(zip(ends, map(float, accumulate(counts)), strict=True))


def webhooks() -> Iterator[Metric]:
    made = counter("webhooks_forged", "Webhooks refused for their signature.", ("webhook",))
    names = {registry.provider(slug).webhook for slug in settings.PROVIDERS} - {""}
    for name in sorted(names):
        made.add_metric((name,), forged_webhooks.total(name))
    yield made


def queue(found: Summary) -> Iterator[Metric]:
    waiting = found.queue
    states = ("due", "scheduled", "in_flight", "unknown")
    yield gauge(
        "queue_messages",
        "Messages by where they wait; counting ends at 10,000.",
        ("state",),
        [((state,), getattr(waiting, state)) for state in states],
    )
    yield gauge(
        "queue_oldest_seconds",
        "How long the oldest due message waits.",
        ("priority",),
        [((one.name.lower(),), waiting.oldest_age.get(one.name.lower(), 0)) for one in Priority],
    )
    yield gauge(
        "deliveries",
        "Stored webhooks that are not applied.",
        ("state",),
        [(("waiting",), waiting.unapplied), (("given_up",), waiting.stuck_deliveries)],
    )


def processes(found: Summary) -> Iterator[Metric]:
    alive = Counter(one.name for one in found.workers if one.alive)
    names = [(name,) for name in PROCESSES]
    yield gauge(
        "processes_alive",
        "Processes that were heard of in the last 30 seconds.",
        ("process",),
        [(name, alive[name[0]]) for name in names],
    )
    yield single(
        "evaluator_last_run_timestamp_seconds",
        "When the rules were last applied: the dead man's switch.",
        seconds(found.evaluated_at),
    )


def machine(found: Summary) -> Iterator[Metric]:
    there = found.machine
    yield single("database_latency_seconds", "SELECT 1.", thousandth(there.database_ms))
    yield single("redis_latency_seconds", "PING.", thousandth(there.redis_ms))
    yield single("redis_up", "Whether Redis answers; none without Redis.", there.redis_ok)
    yield single("disk_used_ratio", "The share of the disk that is used.", there.disk_used)


def incidents(found: Summary) -> Iterator[Metric]:
    open_now = Counter((one.kind, one.severity.value, one.provider) for one in found.incidents)
    yield gauge(
        "incidents_open",
        "Open incidents.",
        ("kind", "severity", "provider"),
        open_now.items(),
    )
    yield single(
        "alerts_failing",
        "Alerts that no channel took yet.",
        Alert.objects.failing().count(),
    )
