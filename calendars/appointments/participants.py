"""Who is asked to come: contacts of ours, or plain addresses."""

from collections.abc import Sequence
from dataclasses import dataclass

from calendars.models import Participant, ParticipantRole
from communications.book import contacts
from communications.errors import InvalidAddress, Refused
from communications.models import Channel, Contact, Organization

# https://developers.google.com/workspace/calendar/api/guides/invite-attendees-to-events
MAX_PARTICIPANTS = 200


@dataclass(frozen=True, kw_only=True)
class Invitee:
    """Either a contact's id or an address."""

    contact: int | None = None
    email: str = ""
    name: str = ""
    role: str = ParticipantRole.GUEST
    is_optional: bool = False


def participant_rows(organization: Organization, invitees: Sequence[Invitee]) -> list[Participant]:
    """Returns rows that are not stored yet, everybody once. Raises Refused."""
    if len(invitees) > MAX_PARTICIPANTS:
        raise Refused("participants", f"At most {MAX_PARTICIPANTS} people.")
    rows: dict[object, Participant] = {}
    for invitee in invitees:
        row = participant_row(organization, invitee)
        rows.setdefault(row.email or row.contact, row)
    return list(rows.values())


def participant_row(organization: Organization, invitee: Invitee) -> Participant:
    contact = invited_contact(organization, invitee)
    email = invitee.email or (email_of(contact) if contact else "")
    if email:
        try:
            email = contacts.normalise_address(Channel.EMAIL, email, region=organization.region)
        except InvalidAddress as error:
            raise Refused("participants", str(error)) from error
    if not (email or contact):
        raise Refused("participants", "Each needs a contact or an e-mail address.")
    if contact is None:
        contact = contacts.contact_by_address(organization, channel=Channel.EMAIL, value=email)
    return Participant(
        contact=contact,
        email=email,
        name=invitee.name or (contact.name if contact else ""),
        role=invitee.role,
        is_optional=invitee.is_optional,
    )


def invited_contact(organization: Organization, invitee: Invitee) -> Contact | None:
    if invitee.contact is None:
        return None
    contact = Contact.objects.filter(organization=organization, pk=invitee.contact).first()
    if contact is None:
        raise Refused("participants", "There is no such contact.")
    return contact


def email_of(contact: Contact) -> str:
    address = contact.addresses.filter(channel=Channel.EMAIL).first()
    return address.value if address else ""
