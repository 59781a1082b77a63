"""Whose message it is: the organization that owns the address it was sent to."""

from collections import defaultdict
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
    for reached in reached_owners(webhook, event):
        found: dict[int, str] = {}
        for address, owners in reached.items():
            if owner := one_owner(owners, event):
                found.setdefault(owner, address)
        if found:
            rows = Organization.objects.in_bulk(found)
            return [(rows[owner], address) for owner, address in found.items()]
    raise Unmatched(f"No organization writes from {', '.join(event.to)}.")


def reached_owners(webhook: str, event: MessageReceived) -> Iterator[dict[str, list[int]]]:
    """Yields which organizations each address reaches: as it is, then as an own one with a tag,
    then as any other of an own domain."""
    owners = owners_by_form(webhook, event.channel)
    everybody = owners.get(ANY, set())
    yield {
        address: sorted(everybody | owners.get(sender_identity(event.channel, address), set()))
        for address in event.to
    }
    if event.channel == Channel.EMAIL:
        for form in (untagged, domain_of):
            yield {
                address: sorted(owners.get(form(sender_identity(event.channel, address)), set()))
                for address in event.to
            }


def owners_by_form(webhook: str, channel: str) -> dict[str, set[int]]:
    """Returns who writes as which identity, and to whom a whole domain belongs."""
    owners = defaultdict[str, set[int]](set)
    shared = installation_identities(webhook, channel)
    for organization, sender in Organization.objects.values_list("pk", f"{channel}_from"):
        for own in [sender] if sender else shared:
            identity = own if own == ANY else sender_identity(channel, own)
            owners[identity].add(organization)
            if channel == Channel.EMAIL and (domain := domain_of(identity)):
                owners[domain].add(organization)
    return owners


def one_owner(owners: Sequence[int], event: MessageReceived) -> int | None:
    if len(owners) < 2:  # noqa: PLR2004 (more than one)
        return next(iter(owners), None)
    wrote = Message.objects.outbound().filter(
        organization__in=owners,
        leg_channel=event.channel,
        leg_to=sender_value(event) or event.handle,
    )
    return wrote.order_by("-created_at").values_list("organization", flat=True).first()


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
    own = organization.sender(channel)
    return [own] if own else installation_identities(webhook, channel)


def installation_identities(webhook: str, channel: str) -> list[str]:
    """Returns what those write as who have no sender of their own."""
    providers = [registry.provider_for(slug) for slug in registry.for_webhook(webhook)]
    return [
        ANY if provider.uses_sender_pool else provider.sender
        for provider in providers
        if provider.channel == channel
    ]


def is_identity(channel: str, own: str, address: str) -> bool:
    return own == ANY or sender_identity(channel, own) == sender_identity(channel, address)


def untagged(identity: str) -> str:
    """Returns hello@ of hello+tasting@."""
    local, _, domain = identity.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def domain_of(identity: str) -> str:
    """Returns the domain of an address with its @, blank where anybody may have an address."""
    domain = identity.rpartition("@")[2]
    return f"@{domain}" if domain not in email_addresses.PUBLIC_DOMAINS else ""


@lru_cache(maxsize=10_000)
def sender_identity(channel: str, sender: str) -> str:
    """Returns the one form of an identity, by which two are compared."""
    if channel != Channel.EMAIL:
        return sender.casefold()
    address = email_addresses.parse_mailbox(sender).address
    return email_addresses.received_address(address) or address.casefold()
