"""Whose message it is: the organization that owns the address it was sent to."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from django.db.models import Q

from communications.errors import Unmatched
from communications.models import Channel, Message, Organization
from communications.providers import registry
from communications.receiving.writers import sender_value
from communications.vocabulary import email_addresses
from communications.vocabulary.events import MessageReceived


def receiving_organizations(webhook: str, event: MessageReceived) -> list[tuple[Organization, str]]:
    """Returns the organizations a message was sent to, each with the address it was reached by.

    A mail may be written to several. Where several share one address, it is the one that wrote to
    the sender last. Raises Unmatched.
    """
    everybody = [
        (organization, own_identities(organization, webhook, event.channel))
        for organization in Organization.objects.order_by("pk")
    ]
    found: dict[Organization, str] = {}
    # The address itself, then its own with a tag, then any other of its domain.
    for reaches in (is_identity, is_tagged_identity, is_in_domain):
        for address in event.to:
            owners = [
                organization
                for organization, identities in everybody
                if any(reaches(event.channel, own, address) for own in identities)
            ]
            if owner := one_owner(owners, event):
                found.setdefault(owner, address)
        if found:
            return list(found.items())
    raise Unmatched(f"No organization writes from {', '.join(event.to)}.")


def one_owner(owners: Sequence[Organization], event: MessageReceived) -> Organization | None:
    if len(owners) < 2:  # noqa: PLR2004 (more than one)
        return next(iter(owners), None)
    wrote = Message.objects.outbound().filter(
        organization__in=owners,
        leg_channel=event.channel,
        leg_to=sender_value(event) or event.handle,
    )
    last = wrote.order_by("-created_at").select_related("organization").first()
    return last.organization if last else None


def owners_of(webhook: str, channel: str, identity: str) -> Iterator[Organization]:
    """Yields the organizations that write as an identity: as their own, or the installation's."""
    column = f"{channel}_from"
    candidates = Organization.objects.order_by("pk")
    if channel != Channel.EMAIL:
        candidates = candidates.filter(Q(**{column: ""}) | Q(**{f"{column}__iexact": identity}))
    for organization in candidates:
        identities = own_identities(organization, webhook, channel)
        if any(is_identity(channel, own, identity) for own in identities):
            yield organization


# Whatever it was sent to: the vendor picks among senders of its own.
ANY = "*"


def own_identities(organization: Organization, webhook: str, channel: str) -> list[str]:
    """Returns what an organization writes as: its own sender, or else the installation's."""
    if own := organization.sender(channel):
        return [own]
    providers = [registry.provider_for(slug) for slug in registry.for_webhook(webhook)]
    return [
        ANY if provider.uses_sender_pool else provider.sender
        for provider in providers
        if provider.channel == channel
    ]


def is_identity(channel: str, own: str, address: str) -> bool:
    return own == ANY or sender_identity(channel, own) == sender_identity(channel, address)


def is_tagged_identity(channel: str, own: str, address: str) -> bool:
    """Whether an address is the own one with a tag, like hello+tasting@ of hello@."""
    if channel != Channel.EMAIL:
        return False
    local, _, domain = sender_identity(channel, address).rpartition("@")
    return f"{local.partition('+')[0]}@{domain}" == sender_identity(channel, own)


def is_in_domain(channel: str, own: str, address: str) -> bool:
    """Whether an address is of a domain of ours, to which nobody else's mail comes."""
    if channel != Channel.EMAIL:
        return False
    domain = sender_identity(channel, own).rpartition("@")[2]
    theirs = sender_identity(channel, address).rpartition("@")[2]
    return domain == theirs and bool(domain) and domain not in email_addresses.PUBLIC_DOMAINS


@lru_cache(maxsize=10_000)
def sender_identity(channel: str, sender: str) -> str:
    """Returns the one form of an identity, by which two are compared."""
    if channel != Channel.EMAIL:
        return sender.casefold()
    address = email_addresses.parse_mailbox(sender).address
    return email_addresses.received_address(address) or address.casefold()
