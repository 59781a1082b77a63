"""Is there such a telephone number? What no numbering plan has needs somebody who knows better."""

from communications.models import Address, Channel, Direction, Message
from communications.vocabulary import number_checks, phone_numbers
from communications.vocabulary.number_checks import REFUSALS, NumberStanding
from communications.vocabulary.phone_numbers import number_variants


def number_refusal(organization: int, channel: str, to: str) -> str:
    """Returns why nothing of a channel arrives at a number; blank if it may."""
    if why := unconfirmed_refusal(organization, channel, to):
        return why
    return phone_numbers.sms_refusal(to) if channel == Channel.SMS else ""


def unconfirmed_refusal(
    organization: int, channel: str, to: str, *, allow_unconfirmed: bool = False
) -> str:
    """Returns why nothing arrives at a number; blank if it may, and for what is no number.

    A number whose length is right may be used although no network is known to have it, if the
    caller insists (`allow_unconfirmed`), if staff confirmed it, or if somebody wrote from it.
    """
    if channel == Channel.EMAIL or not to.startswith("+"):
        return ""
    standing = number_checks.number_standing(to)
    if standing is NumberStanding.CONFIRMED:
        return ""
    if standing is NumberStanding.POSSIBLE and (
        allow_unconfirmed or is_confirmed_by_people(organization, to)
    ):
        return ""
    return REFUSALS[standing].format(to)


def is_confirmed_by_people(organization: int, value: str) -> bool:
    """Returns whether staff confirmed a number in the address book, or its owner wrote from it."""
    forms = number_variants(value)
    rows = Address.objects.filter(organization=organization, value__in=forms)
    owners = rows.values_list("contact", flat=True)
    return (
        rows.filter(is_confirmed=True).exists()
        or Message.objects.filter(
            contact__in=owners, direction=Direction.INBOUND, sender__in=forms
        ).exists()
    )
