"""What is kept. Reads are queryset methods here; the packages beside this one write."""

from communications.models.book import ContactChange, Import, Merge, Origin, Pair, Verdict
from communications.models.calls import Attempt, Call, Event
from communications.models.contacts import (
    Address,
    Channel,
    Contact,
    Handle,
    Part,
    Suppression,
)
from communications.models.files import FileState, StoredFile
from communications.models.messages import Attachment, Direction, Message, Priority, Trimmed
from communications.models.organizations import Membership, Organization
from communications.models.senders import SenderStanding
from communications.models.spent_keys import SpentKey
from communications.models.templates import Template
from communications.models.webhooks import WebhookDelivery
from wedsync_comms.lib.admin_kit.roles import Role

__all__ = [
    "Address",
    "Attachment",
    "Attempt",
    "Call",
    "Channel",
    "Contact",
    "ContactChange",
    "Direction",
    "Event",
    "FileState",
    "Handle",
    "Import",
    "Membership",
    "Merge",
    "Message",
    "Organization",
    "Origin",
    "Pair",
    "Part",
    "Priority",
    "Role",
    "SenderStanding",
    "SpentKey",
    "StoredFile",
    "Suppression",
    "Template",
    "Trimmed",
    "Verdict",
    "WebhookDelivery",
]
