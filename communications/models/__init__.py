"""What is kept. Reads are queryset words here; the verbs beside this package write."""

from communications.models.contacts import Address, Channel, Contact, Suppression
from communications.models.messages import (
    Attachment,
    Attempt,
    Call,
    Event,
    Message,
    Priority,
    Template,
)
from communications.models.organizations import Membership, Organization, Role
from communications.models.webhooks import WebhookDelivery

__all__ = [
    "Address",
    "Attachment",
    "Attempt",
    "Call",
    "Channel",
    "Contact",
    "Event",
    "Membership",
    "Message",
    "Organization",
    "Priority",
    "Role",
    "Suppression",
    "Template",
    "WebhookDelivery",
]
