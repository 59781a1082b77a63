"""What counts as an incident of a sender: a provider does not let an organization write as itself.
Each condition stands above its rule."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from django.urls import reverse

from health.collecting.closed_senders import ClosedSender
from health.collecting.observation import Observation
from health.rules.rule import Finding, Rule

# What a person does about it, by channel.
ADVICE = {
    "email": "Verify the domain at the provider, or write another address into “E-mail from” of "
    "the organization's settings. Saving them has it tried at once.",
    "sms": "Add the number or the name to the account at the provider and register it, or have "
    "“SMS from” of the organization's settings corrected. Saving them has it tried at once.",
    "whatsapp": "Register the number at Meta and connect its business account, or have “WhatsApp "
    "from” of the organization's settings corrected. Saving them has it tried at once.",
}
INSTALLATIONS = "Put a sender into the settings that the account may write as, and restart."


# So many organizations that are refused the installation's sender have no fault of their own.
SEVERAL_ORGANIZATIONS = 2


def sender_refused(now: Observation) -> Iterator[Finding]:
    """It is the organization's business; of the installation's sender, the platform's as soon as it
    is refused to several."""
    refused = [closed for closed in now.closed_senders if not closed.is_busy]
    # One that is refused for numbers of several countries is one organization's all the same.
    whose = {(closed.provider, closed.organization) for closed in refused if not closed.is_own}
    shared = Counter(provider for provider, _ in whose)
    for closed in refused:
        is_platforms = not closed.is_own and shared[closed.provider] >= SEVERAL_ORGANIZATIONS
        yield shared_finding(closed) if is_platforms else own_finding(closed)


def sender_busy(now: Observation) -> Iterator[Finding]:
    for closed in now.closed_senders:
        if closed.is_busy:
            yield replace(own_finding(closed), advice="")


def own_finding(closed: ClosedSender) -> Finding:
    return Finding(
        subject=":".join(filter(None, [closed.provider, str(closed.organization), closed.region])),
        name=sender_name(closed),
        provider=closed.provider,
        organization=closed.organization,
        link=reverse("admin:communications_organization_change", args=[closed.organization]),
        evidence=refusal_evidence(closed),
        advice=ADVICE.get(closed.channel, "") if closed.is_own else INSTALLATIONS,
    )


def shared_finding(closed: ClosedSender) -> Finding:
    return Finding(
        subject=closed.provider,
        name=sender_name(closed),
        provider=closed.provider,
        evidence=refusal_evidence(closed),
        advice=INSTALLATIONS,
    )


def sender_name(closed: ClosedSender) -> str:
    name = f"“{closed.sender}”" if closed.sender else "The sender"
    return f"{name} to {closed.region} numbers" if closed.region else name


def refusal_evidence(closed: ClosedSender) -> dict[str, object]:
    return {
        "the provider says": closed.reason,
        "since": closed.closed_at and closed.closed_at.isoformat(),
        "tried again at": closed.retry_at and closed.retry_at.isoformat(),
    }


SENDER = Rule(
    kind="sender",
    group="sender",
    title="{name} is refused as a sender",
    did="Closed this sender at the provider, and nobody else's. Messages go through the next "
    "provider or channel; without one, they wait. One of them tries it now and then.",
    advice=INSTALLATIONS,
    condition=sender_refused,
)

SENDER_BUSY = Rule(
    kind="sender busy",
    group="sender",
    title="{name} has sent all it may for now",
    did="Leaves this sender alone for as long as the provider wants, and nobody else's. Messages "
    "go through the next provider or channel; without one, they wait.",
    advice="Nothing, if it happens once. If it lasts, send less at a time or from several senders.",
    condition=sender_busy,
)

RULES = (SENDER, SENDER_BUSY)
