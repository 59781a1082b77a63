"""What counts as an incident of sending through a provider: circuit breaker, success rate, latency,
probes, rate limit. Each condition stands above the rule it belongs to."""

from collections.abc import Iterator

from health.collecting.observation import Observation, ProviderObservation
from health.rules import provider_accounts
from health.rules.provider_accounts import MOVES_ON
from health.rules.rule import (
    CRITICAL,
    SECOND,
    Evidence,
    Finding,
    ProviderCondition,
    Rule,
    of_each_provider,
)
from wedsync_comms.lib.breaker import UNREACHABLE as NOT_REACHED

BACKS_OFF = "Tries each message again after 1, 2, 4, 8 and 16 seconds, then the next provider."
TAKEN_OVER = "See the provider's status page. If it lasts, pause it: others take over at once."


def sending_figures(provider: ProviderObservation) -> Evidence:
    """Of the window that the provider is judged by."""
    return {
        "failed": provider.failed,
        "accepted": provider.accepted,
        "reasons": dict(provider.reasons),
    }


# --- circuit breaker ----------------------------------------------------------------------------


def circuit_open(provider: ProviderObservation, _: Observation) -> Evidence | None:
    breaker = provider.breaker
    if breaker.state == "closed" or breaker.paused or is_unreachable(provider):
        return None
    return {"breaker": breaker.state, "because": breaker.reason, **sending_figures(provider)}


BREAKER = Rule(
    kind="breaker",
    group="sending",
    severity=CRITICAL,
    title="{name} is down",
    did=f"Closed the provider off. {MOVES_ON}One message at a time tries whether it is back.",
    advice="See the provider's status page. Nothing is lost meanwhile.",
    condition=of_each_provider(circuit_open),
)

# --- no connection ------------------------------------------------------------------------------


def is_unreachable(provider: ProviderObservation) -> bool:
    return provider.breaker.cause == NOT_REACHED


def connection_missing(provider: ProviderObservation, now: Observation) -> Evidence | None:
    """Where that is so for each of several, it is the network's trouble and no provider's."""
    if not is_unreachable(provider) or network_away(now):
        return None
    return {"because": provider.breaker.reason}


def network_away(now: Observation) -> bool:
    return len(now.providers) > 1 and all(map(is_unreachable, now.providers))


def outside_unreachable(now: Observation) -> Iterator[Finding]:
    if network_away(now):
        yield Finding(
            evidence={provider.slug: provider.breaker.reason for provider in now.providers}
        )


NETWORK = Rule(
    kind="network",
    severity=CRITICAL,
    title="No provider can be reached from here",
    did="Keeps all messages: none of their tries is used up. Asks every two seconds.",
    advice="See this installation's network, its name server, its clock and its certificates.",
    condition=outside_unreachable,
)
NO_CONNECTION = Rule(
    kind="no connection",
    group="sending",
    severity=CRITICAL,
    title="We cannot reach {name}",
    did=f"Uses up no tries. {MOVES_ON}Asks every two seconds whether there is a way again.",
    advice="Check the provider's address in the settings, and this machine's network and DNS.",
    condition=of_each_provider(connection_missing),
)

# --- success rate -------------------------------------------------------------------------------

# A failure that is older says nothing about now.
FAILURE_IS_FRESH_FOR = 20 * SECOND


def failure_rate_above(share: float, *, at_least: int) -> ProviderCondition:
    """So large a share of the calls failed by the provider's fault, and so many of them."""

    def condition(provider: ProviderObservation, now: Observation) -> Evidence | None:
        last, calls = provider.last_failed_at, provider.accepted + provider.failed
        is_fresh = last is not None and now.at - last <= FAILURE_IS_FRESH_FOR
        if provider.failed < at_least or provider.failed < share * calls or not is_fresh:
            return None
        return sending_figures(provider)

    return condition


FAILING = Rule(
    kind="failing",
    group="sending",
    severity=CRITICAL,
    title="Most calls to {name} fail",
    did=BACKS_OFF,
    advice=TAKEN_OVER,
    # A provider that failed once or twice is the retry policy's business.
    condition=of_each_provider(failure_rate_above(0.5, at_least=3)),
)
OFTEN_FAILING = Rule(
    kind="often failing",
    group="sending",
    title="Many calls to {name} fail",
    did=BACKS_OFF,
    advice="Look at the reasons below; see the provider's status page if it lasts.",
    condition=of_each_provider(failure_rate_above(0.2, at_least=5)),
    open_after=10 * SECOND,
)

# --- latency ------------------------------------------------------------------------------------

SLOW_MS, TIMES_SLOWER = 1_500.0, 3.0
MIN_CALLS = 3


def calls_hang(provider: ProviderObservation, _: Observation) -> Evidence | None:
    """Known long before the calls are given up."""
    return {"messages that wait for an answer": provider.hanging} if provider.hanging else None


def latency_high(provider: ProviderObservation, _: Observation) -> Evidence | None:
    median, usual = provider.p50_ms or 0.0, provider.usual_ms
    is_slow = median >= max(SLOW_MS, TIMES_SLOWER * (usual or 0.0))
    if not is_slow or provider.accepted + provider.failed < MIN_CALLS:
        return None
    known = usual and round(usual)
    return {"median, ms": round(median), "usually, ms": known, "calls": provider.accepted}


HANGING = Rule(
    kind="hanging",
    group="sending",
    title="{name} leaves us without an answer",
    did="Waits for up to ten seconds. What got no answer is never blindly sent again.",
    advice=TAKEN_OVER,
    condition=of_each_provider(calls_hang),
)
SLOW = Rule(
    kind="slow",
    group="sending",
    title="{name} answers slowly",
    did="Sends on, more calls at a time; an answer that does not come counts as lost.",
    advice="Nothing, unless it lasts: then ask the provider, or pause it.",
    condition=of_each_provider(latency_high),
)

# --- probes -------------------------------------------------------------------------------------

# Once is every network's business.
PROBED_TWICE = 2


def probe_unanswered(provider: ProviderObservation, _: Observation) -> Evidence | None:
    probe = provider.probe
    if probe is None or probe.ok or probe.streak < PROBED_TWICE or provider.accepted:
        return None
    return {"the probe says": probe.reason, "in a row": probe.streak}


UNREACHABLE = Rule(
    kind="unreachable",
    group="sending",
    title="{name} does not answer our probes",
    did="Nothing yet: no message was affected.",
    advice="See the provider's status page, and whether this machine reaches the internet.",
    condition=of_each_provider(probe_unanswered),
)

# --- rate limit ---------------------------------------------------------------------------------

THROTTLED_SHARE = 0.2
LONG_HOLD_S = 10.0


def rate_limited(provider: ProviderObservation, _: Observation) -> Evidence | None:
    throttled = provider.throttled
    calls = provider.accepted + provider.failed + throttled
    is_often = throttled >= MIN_CALLS and throttled >= THROTTLED_SHARE * calls
    if not is_often and provider.held_for < LONG_HOLD_S:
        return None
    held_for = round(provider.held_for, 1)
    return {"refused as too fast": throttled, "calls": calls, "held for, s": held_for}


THROTTLED = Rule(
    kind="throttled",
    group="sending",
    title="{name} says that we are too fast",
    did="Slowed down to what it permits, urgent messages first. Nothing counts as a failure.",
    advice="If it lasts, ask for a higher limit, or set the rate that the contract permits.",
    condition=of_each_provider(rate_limited),
)

# --- recovery -----------------------------------------------------------------------------------


def recovery_unproven(provider: ProviderObservation, now: Observation) -> Evidence | None:
    """Nothing fails any more because nothing was tried: that is no recovery."""
    known = now.open.get(f"sending:{provider.slug}")
    if known is None or known.kind not in PROVEN_BY_SUCCESS:
        return None
    since, probe = known.last_seen_at, provider.probe
    if provider.last_accepted_at and provider.last_accepted_at > since:
        return None
    if probe and probe.ok and probe.checked_at > since:
        return None
    return {"since then": "nothing was sent, and no probe has answered"}


UNPROVEN = Rule(
    kind="unproven",
    group="sending",
    title="{name} failed, and nothing was tried since",
    did="Asks the provider every few seconds whether it is back.",
    advice="Nothing: the next message or the next probe tells.",
    condition=of_each_provider(recovery_unproven),
)

# What fails only while something is tried is over when something works.
PROVEN_BY_SUCCESS = {
    rule.kind
    for rule in (
        provider_accounts.CREDENTIALS,
        *(BREAKER, FAILING, OFTEN_FAILING, HANGING, UNREACHABLE, UNPROVEN),
    )
}

# In this order: the first that applies names the cause.
RULES = (
    *(NETWORK, NO_CONNECTION, BREAKER, FAILING, OFTEN_FAILING, HANGING, UNREACHABLE),
    *(SLOW, THROTTLED, UNPROVEN),
)
