"""Everything about one person goes, but for two things: the proof that messages were sent, with
statuses and times and without contents; and that somebody may not be written to.

In what stays of a message, addresses are replaced by a fingerprint: whoever holds the address can
still ask what was sent to it, and nobody can read it back. A suppression keeps its address, because
one that cannot be matched would let the next import write to the person again.
"""

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from communications.book.files import exporting, importing
from communications.files import removal
from communications.messages import staff_actions
from communications.models import (
    Attachment,
    Attempt,
    Channel,
    Contact,
    Direction,
    Event,
    Merge,
    Message,
    Suppression,
    WebhookDelivery,
)
from communications.vocabulary import phone_numbers
from communications.vocabulary.events import Reason

BATCH = 500
MARK = "erased:"
CONTENTS = {
    "subject": "",
    "body": "",
    "html": "",
    "reply_to": "",
    "headers": {},
    "metadata": {},
    "media": [],
    "template_ref": {},
    "has_attachments": False,
    "error": "",
    "content": {},
    "edits": [],
    "reactions": [],
    "references": [],
    "internet_message_id": "",
    "fingerprint": "",
}


def erase_contact(contact: Contact, *, by: str) -> int:
    """Returns how many messages were blanked. What waits to be sent is cancelled."""
    with transaction.atomic():
        contact = Contact.everyone.select_for_update().get(pk=contact.pk)
        ids = [contact.pk, *exporting.merged_ids(contact)]
        theirs = exporting.messages_of(contact, ids)
        # In the order in which whoever else writes many of them takes them.
        rows = list(theirs.select_for_update().order_by("pk").values_list("pk", flat=True))
        cancel_waiting(ids, by)
        forget_suppressed(contact)
        forget_reactions(contact)
        importing.forget_left_out(contact)
        for start in range(0, len(rows), BATCH):
            blank_messages(rows[start : start + BATCH])
        Merge.objects.filter(kept__in=ids).delete()
        Merge.objects.filter(gone__in=ids).delete()
        Contact.everyone.filter(pk__in=ids).delete()
    return len(rows)


def address_fingerprint(address: str) -> str:
    """Returns what stands in place of an address that was erased."""
    plain = phone_numbers.canonical_number(address.strip().casefold())
    return MARK + salted_hmac("communications.erasure", plain).hexdigest()[:32]


def cancel_waiting(ids: Iterable[int], by: str) -> None:
    for message in Message.objects.waiting().filter(contact__in=ids):
        staff_actions.cancel_message(message, by=by)


def forget_suppressed(contact: Contact) -> None:
    """Erases what the owner of a closed address wrote; why it is closed stays.

    That somebody may be written to need not be known of a person who is forgotten.
    """
    found = exporting.suppressions_of(contact, contact.addresses.all())
    rows = Suppression.objects.filter(pk__in=[row.pk for row in found])
    rows.filter(reason=Reason.OPT_IN).delete()
    rows.update(detail="")


def forget_reactions(contact: Contact) -> None:
    """Erases who answered with an emoji, where others wrote: in groups. The emoji stays."""
    values = set(exporting.known_values(contact, contact.addresses.all(), Channel.WHATSAPP))
    in_groups = Message.objects.filter(organization=contact.organization_id, contact=None)
    answered = in_groups.exclude(group="").exclude(reactions=[]).select_for_update().order_by("pk")
    for message in answered:
        if any(reaction["by"] in values for reaction in message.reactions):
            message.reactions = [
                {**reaction, "by": address_fingerprint(reaction["by"])}
                if reaction["by"] in values
                else reaction
                for reaction in message.reactions
            ]
            message.save(update_fields=["reactions"])


def blank_messages(ids: list[UUID]) -> None:
    """Erases what they say, show and carry; their files when the transaction is over."""
    messages = list(Message.objects.filter(pk__in=ids))
    for message in messages:
        blank_their_address(message)
    Message.objects.bulk_update(messages, ["to", "leg_to", "sender"])
    Message.objects.filter(pk__in=ids).update(**CONTENTS)
    files = removal.detach_files(Attachment.objects.filter(message__in=ids).defer("content"))
    transaction.on_commit(partial(removal.remove_unused, files), robust=True)
    attempts = list(Attempt.objects.filter(message__in=ids))
    for attempt in attempts:
        attempt.to, attempt.error, attempt.response = address_fingerprint(attempt.to), "", {}
    Attempt.objects.bulk_update(attempts, ["to", "error", "response"])
    blank_deliveries(ids)
    Event.objects.filter(message__in=ids).update(detail="")


def blank_their_address(message: Message) -> None:
    """Erases their address; what is ours stays."""
    if message.direction == Direction.INBOUND:
        message.sender = address_fingerprint(message.sender)
    else:
        message.to, message.leg_to = (
            address_fingerprint(message.to),
            address_fingerprint(message.leg_to),
        )


def blank_deliveries(ids: list[UUID]) -> None:
    """Erases what the providers posted about these messages, which is kept as it came."""
    events = Event.objects.filter(message__in=ids, event_id__isnull=False)
    # An event of a delivery that holds several has its place in it behind a #.
    posted = {
        str(event_id).partition("#")[0] for event_id in events.values_list("event_id", flat=True)
    }
    WebhookDelivery.objects.filter(
        provider__in=settings.PROVIDERS,
        event_id__in=posted,
        applied_at__isnull=False,
    ).update(body=b"", headers={}, url="")
