"""What counts as an incident of webhooks from message providers: our address is away, silence,
forged signatures. Several providers may share an address. Each condition stands above its rule."""

from collections.abc import Iterator
from dataclasses import replace

from health.collecting.observation import Observation, ProviderObservation
from health.rules.rule import (
    CRITICAL,
    MINUTE,
    Condition,
    Evidence,
    Finding,
    ProviderCondition,
    Rule,
)


def of_each_webhook(condition: ProviderCondition) -> Condition:
    """Returns a condition that is asked about every webhook address."""

    def find(now: Observation) -> Iterator[Finding]:
        for provider in now.providers:
            webhook = provider.webhook
            evidence = condition(provider, now) if webhook else None
            if evidence is not None:
                slug = provider.slug
                yield Finding(subject=webhook, name=webhook, provider=slug, evidence=evidence)

    return find


# --- our own address ----------------------------------------------------------------------------

SELF_TESTED_TWICE = 2


def endpoint_away(provider: ProviderObservation, _: Observation) -> Evidence | None:
    probe = provider.endpoint
    if probe is None or probe.ok or probe.streak < SELF_TESTED_TWICE:
        return None
    return {"the self-test says": probe.reason, "in a row": probe.streak}


ENDPOINT = Rule(
    kind="endpoint",
    group="webhooks",
    severity=CRITICAL,
    title="Our webhook address for {name} cannot be reached",
    did="Asks for receipts instead; the provider posts them again later.",
    advice="Check PUBLIC_URL, the proxy and its certificate from outside.",
    condition=of_each_webhook(endpoint_away),
)

# --- missing webhooks ---------------------------------------------------------------------------


def webhooks_missing(provider: ProviderObservation, now: Observation) -> Evidence | None:
    awaited = provider.awaited
    overdue_at = awaited.overdue_at()
    if overdue_at is None or now.at < overdue_at:
        return None
    return {
        "calls without a receipt, at least": awaited.count,
        "the first of them at": awaited.oldest and awaited.oldest.isoformat(),
        "usual delay, s": round(awaited.usual.total_seconds(), 1),
        "last webhook at": provider.last_receipt_at and provider.last_receipt_at.isoformat(),
    }


def still_unheard(provider: ProviderObservation, now: Observation) -> Evidence | None:
    """Silence is over when something is heard, and not because nothing is sent any more."""
    known = now.open.get(f"webhooks:{provider.webhook}")
    if known is None or known.kind not in {"silence", "unheard"}:
        return None
    same = [other for other in now.providers if other.webhook == provider.webhook]
    heard = max(filter(None, (other.last_receipt_at for other in same)), default=None)
    if heard and heard > known.last_seen_at:
        return None
    return {"last webhook at": heard and heard.isoformat()}


SILENCE = Rule(
    kind="silence",
    group="webhooks",
    title="No webhooks come from {name}",
    did="Asks the provider for missing receipts: statuses stay right, only later.",
    advice="Check the webhook's address and secret in the provider's console.",
    condition=of_each_webhook(webhooks_missing),
)
UNHEARD = replace(SILENCE, kind="unheard", condition=of_each_webhook(still_unheard))

# --- signatures ---------------------------------------------------------------------------------

# In `observation.FORGED_MINUTES`.
MANY_FORGED = 3


def signatures_forged(provider: ProviderObservation, _: Observation) -> Evidence | None:
    if provider.forged < MANY_FORGED:
        return None
    return {"refused in three minutes": provider.forged}


FORGED = Rule(
    kind="forged",
    group="webhooks",
    title="Webhooks with wrong signatures come in for {name}",
    did="Refused and counted them. Nothing of them is kept.",
    advice="If receipts are missing too, the webhook secret is wrong. Else somebody is trying.",
    condition=of_each_webhook(signatures_forged),
    close_after=MINUTE,
)

# In this order: the first that applies names the cause.
RULES = (ENDPOINT, SILENCE, UNHEARD, FORGED)
