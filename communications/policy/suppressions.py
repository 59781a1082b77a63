"""The ledger of who may not be written to: close an address, open it again, ask."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.errors import NotPossible
from communications.models import Channel, Contact, Message, Organization, Suppression
from communications.providers import registry
from communications.vocabulary.consent.consent_keywords import Consent
from communications.vocabulary.events import Reason
from communications.vocabulary.phone_numbers import number_variants

MARKETING = "MARKETING"
# What a person, or their mailbox, said about us: no other channel is tried behind their back.
PERSONAL = {Reason.OPT_OUT, Reason.COMPLAINT, Reason.MANUAL}


def suppress_address(
    organization: Organization,
    *,
    channel: str,
    value: str,
    reason: Reason,
    sender: str = "",
    marketing_only: bool = False,
    detail: str = "",
    message: Message | None = None,
) -> Suppression | None:
    """Closes an address to an organization, or to one of its senders.

    Returns None where it is closed already: the first reason stays.
    """
    try:
        with transaction.atomic():
            return Suppression.objects.create(
                organization=organization,
                channel=channel,
                value=value,
                sender=sender,
                marketing_only=marketing_only,
                reason=reason,
                detail=detail,
                message=message,
            )
    except IntegrityError:
        return None


def confirm_opt_out(message: Message, *, by: str) -> None:
    """Closes the address of who wrote a message that a person read as an opt-out.

    Raises NotPossible where the message says no such thing, or was decided about already.
    """
    with transaction.atomic():
        possible = Message.objects.filter(pk=message.pk, consent=Consent.POSSIBLE_OPT_OUT)
        if not possible.update(consent=Consent.OPT_OUT):
            raise NotPossible("It is no possible opt-out, or somebody has decided about it.")
        for value in values_of_sender(message.channel, message.sender, message.contact):
            suppress_address(
                message.organization,
                channel=message.channel,
                value=value,
                sender=message.to,
                reason=Reason.OPT_OUT,
                detail=f"They wrote “{message.body[:80]}”; {by} read it as an opt-out.",
            )


def values_of_sender(channel: str, sender: str, contact: Contact | None) -> list[str]:
    """Returns everything that a refusal of who wrote is about: the address that it came from, and
    on WhatsApp the ids of the person, by which somebody who hides the number is written to.

    Of who hides it, the numbers that we know are meant as well. `Suppression` is matched in every
    form of a number, so one form is enough.
    """
    found = [sender]
    if channel == Channel.WHATSAPP and contact is not None:
        found += contact.handles.values_list("value", flat=True)
        if not sender.startswith("+"):
            numbers = contact.addresses.filter(channel=channel)
            found += numbers.values_list("value", flat=True)
    return list(dict.fromkeys(filter(None, found)))


def share_refusals(organization: Organization, channel: str, values: Sequence[str]) -> None:
    """Closes each of a person's addresses that another of them is closed by the person themselves.

    Called when two turn out to be the same person's; a bounce stays with the address it is about.
    """
    rows = Suppression.objects.on(channel, values).filter(
        organization=organization, reason__in=PERSONAL
    )
    closed = {
        (form, row.sender, row.marketing_only)
        for row in rows
        for form in number_variants(row.value)
    }
    for row in list(rows):
        for value in values:
            if (value, row.sender, row.marketing_only) not in closed:
                suppress_address(
                    organization,
                    channel=channel,
                    value=value,
                    sender=row.sender,
                    marketing_only=row.marketing_only,
                    reason=Reason(row.reason),
                    detail=row.detail,
                    message=row.message,
                )


def dismiss_opt_out(message: Message) -> None:
    """Says that a possible opt-out was none. Raises NotPossible as `confirm_opt_out` does."""
    possible = Message.objects.filter(pk=message.pk, consent=Consent.POSSIBLE_OPT_OUT)
    if not possible.update(consent=Consent.NONE):
        raise NotPossible("It is no possible opt-out, or somebody has decided about it.")


def lift_suppressions(suppressions: Iterable[Suppression], *, by: str) -> int:
    """Opens the addresses again and says how many were closed. The rows stay as history."""
    return (
        Suppression.objects.in_force()
        .filter(pk__in=[suppression.pk for suppression in suppressions])
        .update(lifted_at=timezone.now(), lifted_by=by)
    )


def opt_in(
    organization: Organization,
    *,
    channel: str,
    value: str,
    sender: str,
    by: str,
    marketing_only: bool = False,
    detail: str = "",
) -> int:
    """Lifts what the person closed themselves, as they asked for it; no hard bounce.

    `marketing_only` says that they asked for advertising, which takes back no other refusal;
    `detail` how they said so. It is kept in the ledger also where it lifts nothing. Returns how
    many suppressions were lifted.
    """
    now = timezone.now()
    Suppression.objects.create(
        organization=organization,
        channel=channel,
        value=value,
        sender=sender,
        marketing_only=marketing_only,
        reason=Reason.OPT_IN,
        detail=detail,
        # It closes nothing, and never did.
        lifted_at=now,
        lifted_by=by,
    )
    closed = Suppression.objects.on(channel, [value]).filter(
        organization=organization,
        reason=Reason.OPT_OUT,
    )
    if marketing_only:
        closed = closed.filter(marketing_only=True)
    if not has_sender_pool(channel):
        closed = closed.filter(sender__in=["", sender])
    return lift_suppressions(closed, by=by)


def find_refusals(channel: str, messages: Sequence[Message]) -> dict[UUID, Suppression]:
    """Returns, by message id, what closes the address it would go to on this channel."""
    # The index begins with the organization.
    theirs = Suppression.objects.filter(organization__in={row.organization_id for row in messages})
    in_force = theirs.on(channel, {message.leg_to for message in messages})
    # What the person said counts before what is known of the address: it ends the plan.
    rows = sorted(in_force, key=lambda row: row.reason not in PERSONAL)
    found = {}
    for message in messages:
        closed = next(
            (row for row in rows if suppression_applies(row, message, message.leg_to)), None
        )
        if closed is not None:
            found[message.pk] = closed
    return found


def refusal_for(message: Message, channel: str, to: str) -> str:
    """Returns why a message may not go to an address; blank if it may."""
    rows = Suppression.objects.on(channel, [to]).filter(organization=message.organization_id)
    return next(
        (refusal_sentence(row) for row in rows if suppression_applies(row, message, to)), ""
    )


def suppression_applies(row: Suppression, message: Message, to: str) -> bool:
    if row.organization_id != message.organization_id or row.value not in number_variants(to):
        return False
    if row.marketing_only and message.template_ref.get("category") != MARKETING:
        return False
    return not row.sender or could_send_as(row.sender, message, row.channel)


def could_send_as(sender: str, message: Message, channel: str) -> bool:
    """Whether this is an identity the message could be sent as. In doubt it is."""
    if own := message.organization.sender(channel):
        return own == sender
    providers = [registry.provider_for(slug) for slug in registry.route_slugs(channel)]
    return has_sender_pool(channel) or any(provider.sender == sender for provider in providers)


def has_sender_pool(channel: str) -> bool:
    """Whether a vendor picks among several senders, to which a refusal applies as a whole."""
    return any(
        registry.provider_for(slug).uses_sender_pool for slug in registry.route_slugs(channel)
    )


def refusal_sentence(row: Suppression) -> str:
    """Returns, for staff, since when and why an address may not be written to."""
    why = row.get_reason_display()
    return f"{row.value} may not be written to since {row.created_at:%d %B %Y}: {why}."
