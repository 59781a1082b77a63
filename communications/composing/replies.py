"""A mail of ours that answers one of theirs says so in its headers, and stays in their thread."""

import re

from django.db.models import Q

from communications.models import Channel, Direction, Message, Priority

# Of mail programs in many languages; some count.
ANSWER_MARK = re.compile(
    r"^\s*(re|aw|antw|sv|vs|odp|rv|res|ref|r|fw|fwd|wg|tr|vb)\s*(\[\d+\])?\s*[:\uff1a]\s*",
    re.IGNORECASE,
)
LOOKED_AT = 50
# Their texts may be long.
NEEDED = ("subject", "contact", "references", "internet_message_id")
MAX_REFERENCES = 20


def tie_to_answered(message: Message) -> None:
    """Has a mail refer to the last one of the same subject that its recipient wrote, if there is
    one. Headers that the caller gave stay as they are. Does not save.

    https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4
    """
    answered = find_answered_mail(message)
    if answered is None:
        return
    message.in_reply_to = answered
    if answered.contact_id != message.contact_id:
        message.thread_id = answered.contact_id
    ids = [*filter(fits_header, answered.references), answered.internet_message_id]
    kept = ids if len(ids) <= MAX_REFERENCES else [ids[0], *ids[1 - MAX_REFERENCES :]]
    message.references = kept
    given = {name.lower() for name in message.headers} & {"in-reply-to", "references"}
    if not given and fits_header(answered.internet_message_id):
        headers = {"In-Reply-To": answered.internet_message_id, "References": " ".join(kept)}
        message.headers = {**message.headers, **headers}


def fits_header(value: str) -> bool:
    return value.isascii() and value.isprintable()


def find_answered_mail(message: Message) -> Message | None:
    if message.channel != Channel.EMAIL or message.priority == Priority.BULK:
        return None
    theirs = Q(reply_to=message.to)
    if message.contact_id is not None:
        theirs |= Q(contact=message.contact_id) | Q(thread=message.contact_id)
    received = Message.objects.filter(
        theirs,
        organization=message.organization,
        channel=Channel.EMAIL,
        direction=Direction.INBOUND,
        is_automatic=False,
    ).exclude(internet_message_id="")
    subject = bare_subject(message.subject)
    newest = received.only(*NEEDED).order_by("-created_at")[:LOOKED_AT]
    return next((mail for mail in newest if bare_subject(mail.subject) == subject), None)


def bare_subject(subject: str) -> str:
    """Returns a subject without what mail programs put before it."""
    while mark := ANSWER_MARK.match(subject):
        subject = subject[mark.end() :]
    return " ".join(subject.split()).casefold()
