"""What counts as an incident of our account at a provider: refused credentials, pauses, warnings.
Each condition stands above the rule it belongs to."""

from datetime import timedelta

from health.collecting.observation import Observation, ProviderObservation
from health.rules.rule import CRITICAL, Evidence, Rule, of_each_provider
from wedsync_comms.lib.breaker import QUOTA as QUOTA_USED

MOVES_ON = "Messages go through the next provider of the route; without one, they wait unharmed. "

# --- credentials --------------------------------------------------------------------------------

REFUSED_ACCOUNT = {"CredentialsRejected", "ConfigurationRejected", "SenderRejected"}


def account_refused(provider: ProviderObservation, _: Observation) -> Evidence | None:
    breaker = provider.breaker
    if breaker.paused and not breaker.held and breaker.cause != QUOTA_USED:
        return {"the provider says": breaker.reason}
    probe = provider.probe
    if probe is None or probe.ok or probe.error_class not in REFUSED_ACCOUNT:
        return None
    if provider.last_accepted_at and provider.last_accepted_at > probe.checked_at:
        return None
    return {"the probe says": probe.reason, "in a row": probe.streak}


CREDENTIALS = Rule(
    kind="credentials",
    group="sending",
    severity=CRITICAL,
    title="{name} refuses our account",
    did=f"Paused the provider. {MOVES_ON}It is tried again every minute.",
    advice="Put the right key or sender into the settings, restart, and resume the provider.",
    condition=of_each_provider(account_refused),
)

# --- quota --------------------------------------------------------------------------------------


def quota_used_up(provider: ProviderObservation, _: Observation) -> Evidence | None:
    breaker = provider.breaker
    if not breaker.paused or breaker.cause != QUOTA_USED:
        return None
    return {
        "the provider says": breaker.reason,
        "tried again at": breaker.retry_at and breaker.retry_at.isoformat(),
    }


QUOTA = Rule(
    kind="quota",
    group="sending",
    severity=CRITICAL,
    title="The quota at {name} is used up",
    did=f"Paused the provider for as long as it says. {MOVES_ON}",
    advice="Wait, or book more at the provider and resume it here.",
    condition=of_each_provider(quota_used_up),
)

# --- pauses and warnings ------------------------------------------------------------------------


def paused_by_hand(provider: ProviderObservation, _: Observation) -> Evidence | None:
    return {"reason": provider.breaker.reason} if provider.breaker.held else None


def account_warning(provider: ProviderObservation, _: Observation) -> Evidence | None:
    probe = provider.probe
    if probe is None or not probe.ok or not probe.is_warning:
        return None
    return {"the provider says": probe.reason, **probe.facts}


PAUSED = Rule(
    kind="paused",
    group="pause",
    title="{name} is still paused by hand",
    did=f"Keeps the pause. {MOVES_ON}",
    advice="Resume the provider when the reason for the pause is gone.",
    condition=of_each_provider(paused_by_hand),
    open_after=timedelta(hours=1),
)
ACCOUNT = Rule(
    kind="account",
    title="{name} warns about our account",
    did="Sends on.",
    advice="Look into the provider's console.",
    condition=of_each_provider(account_warning),
)

# --- received texts -----------------------------------------------------------------------------


def texts_unreadable(provider: ProviderObservation, _: Observation) -> Evidence | None:
    return {"the provider says": provider.unreadable} if provider.unreadable else None


TEXTS = Rule(
    kind="texts",
    title="{name} does not let us read what came in",
    did="Shows the messages without their texts, and asks every five minutes, for three days.",
    advice="Give it a key with full access: one that may only send cannot fetch received mail.",
    condition=of_each_provider(texts_unreadable),
)

# Credentials belong to what may be wrong with sending, and are the worst of it.
RULES = (CREDENTIALS, QUOTA, PAUSED, TEXTS, ACCOUNT)
