"""The mail that a mail answers, and whose conversation it continues."""

from collections.abc import Mapping, Sequence

from communications.book import learning
from communications.models import Attempt, Channel, Message
from communications.providers import registry
from communications.vocabulary.events import MailHeaders, Media, MessageReceived
from wedsync_comms.lib.text import sanitise

MAX_ID_BYTES = 998


def media_item(item: Media) -> Mapping[str, str]:
    """Returns what is kept of a file: where the provider has it, what it is, what it is called."""
    named = {"name": sanitise(item.name)} if item.name else {}
    return {"url": sanitise(item.url), "content_type": sanitise(item.content_type), **named}


def mail_columns(mail: MailHeaders) -> dict[str, object]:
    return {
        "internet_message_id": fitting_id(mail.internet_message_id),
        "references": [value for value in map(fitting_id, mail.references) if value],
        "reply_to": sanitise(mail.reply_to)[:320],
        "is_automatic": mail.is_automatic,
    }


def fitting_id(value: str) -> str:
    """Returns a mail's id; blank if it is longer than an index takes, as half of it finds nothing.

    MAX_ID_BYTES bytes: PostgreSQL refuses rows with more than 2,704 in an index.
    """
    plain = sanitise(value)
    return plain if len(plain.encode()) <= MAX_ID_BYTES else ""


def find_answered(organization: int, references: Sequence[str]) -> Message | None:
    """Returns the nearest of the mails named that is known here."""
    if not references:
        return None
    mails = Message.objects.filter(organization=organization, channel=Channel.EMAIL)
    known = {
        message.internet_message_id: message
        for message in mails.filter(internet_message_id__in=references)
    }
    missing = [value for value in references if value not in known]
    # What a provider without receipts calls a mail is its id in the header.
    attempts = Attempt.objects.filter(
        provider__in=registry.carriers_of(Channel.EMAIL),
        provider_id__in=missing,
        message__organization=organization,
    ).select_related("message")
    known |= {attempt.provider_id: attempt.message for attempt in attempts}
    return next((known[value] for value in reversed(references) if value in known), None)


def thread_columns(message: Message) -> dict[str, object]:
    """Returns what follows from the ids in a mail's header: the mail it answers and, where somebody
    else than its contact answers, whose conversation goes on."""
    answered = find_answered(message.organization_id, message.references)
    if answered is None or answered.pk == message.pk:
        return {}
    theirs = answered.thread_id or answered.contact_id
    is_another = theirs is not None and theirs != message.contact_id
    return {"in_reply_to_id": answered.pk, "thread_id": theirs if is_another else None}


def complete_mail(message: Message, whole: MessageReceived) -> None:
    """Adds to a received mail what only its body's answer said: texts, headers, a name."""
    message.body, message.html = sanitise(whole.text), sanitise(whole.html)
    message.media = [media_item(item) for item in whole.media] or message.media
    message.is_complete = True
    columns = mail_columns(whole.mail)
    # The webhook may have known better, where the answer leaves something out.
    columns["internet_message_id"] = columns["internet_message_id"] or message.internet_message_id
    columns["is_automatic"] = columns["is_automatic"] or message.is_automatic
    for name, value in columns.items():
        setattr(message, name, value)
    for name, value in thread_columns(message).items():
        setattr(message, name, value)
    message.save(
        update_fields=[
            "body",
            "html",
            "media",
            "is_complete",
            "in_reply_to",
            "thread",
            "updated_at",
            *columns,
        ]
    )
    if message.contact is not None:
        learning.name_unnamed(message.contact, sanitise(whole.sender_name)[:200])
