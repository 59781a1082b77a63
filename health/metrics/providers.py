"""Message providers in Prometheus's words."""

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from health.metrics.families import epoch_seconds, gauge_family
from health.vocabulary.readings import ProviderHealth, State

PROVIDER_LABELS = ("provider", "channel")
PROVIDER_GAUGES: tuple[tuple[str, str, Callable[[ProviderHealth], float | None]], ...] = (
    (
        "success_ratio",
        "The share of calls of the last 15 minutes that did not fail by the provider's fault.",
        lambda provider: provider.success_rate,
    ),
    (
        "breaker_open",
        "1 while nothing is sent through the provider.",
        lambda provider: float(provider.breaker.state == "open") if provider.breaker else None,
    ),
    (
        "paused",
        "1 while it is paused, by itself or by a person.",
        lambda provider: float(provider.breaker.paused) if provider.breaker else None,
    ),
    (
        "rate_headroom_ratio",
        "The share of the permitted rate that is not used lately.",
        lambda provider: provider.rate_limit.headroom if provider.rate_limit else None,
    ),
    (
        "rate_per_second",
        "What the provider permits, as far as it is known.",
        lambda provider: provider.rate_limit.per_second if provider.rate_limit else None,
    ),
    ("probe_ok", "1 if the last probe was answered.", lambda provider: provider.probe.ok),
    (
        "webhook_endpoint_ok",
        "1 if our own address took a signed sample.",
        lambda provider: provider.webhook_endpoint.ok,
    ),
    (
        "last_success_timestamp_seconds",
        "When it last took a message.",
        lambda provider: epoch_seconds(provider.last_success_at),
    ),
    (
        "last_webhook_timestamp_seconds",
        "When its last webhook was applied.",
        lambda provider: epoch_seconds(provider.last_webhook_at),
    ),
    (
        "webhook_expected_timestamp_seconds",
        "When the next webhook is expected.",
        lambda provider: epoch_seconds(provider.webhook_expected_by),
    ),
)


def provider_metrics(found: list[ProviderHealth]) -> Iterator[Metric]:
    yield gauge_family(
        "provider_status",
        "1 for the status a provider has, 0 for the others.",
        (*PROVIDER_LABELS, "status"),
        [
            ((health.provider, health.channel, state.value), health.status == state)
            for health in found
            for state in (State.OPERATIONAL, State.DEGRADED, State.DOWN)
        ],
    )
    for name, about, value in PROVIDER_GAUGES:
        rows = [((health.provider, health.channel), value(health)) for health in found]
        yield gauge_family(f"provider_{name}", about, PROVIDER_LABELS, rows)
