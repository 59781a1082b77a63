"""compose -> (commit) -> outbox: a message is checked, written down and waits to be sent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.composing import attachments, drafts, replies
from communications.composing.drafts import Draft
from communications.composing.template_choice import SENDABLE
from communications.errors import KeyReused, KeySpent, Refused, StorageAway
from communications.files import contents
from communications.live import event_stream
from communications.messages.spent_keys import find_spent_key
from communications.messages.transitions import Change, record
from communications.models import Attachment, Channel, Message, Organization, Template
from communications.policy import (
    channel_fallback,
    eligibility,
    suppressions,
    unsubscribe,
    whatsapp_window,
)
from communications.vocabulary.events import File, Kind
from communications.vocabulary.sms_segments import Segments, count_segments

if TYPE_CHECKING:
    from django.contrib.auth.models import User


# Fields of a draft that the first release did not have.
ADDED_LATER = ("allow_unconfirmed", "is_filled", "language")
# Whoever erases the last user of a file again and again would be another fault.
STORE_TRIES = 3


@dataclass(frozen=True)
class Composed:
    message: Message
    # False where the same request with the same key was answered before.
    is_new: bool


def compose_message(
    organization: Organization,
    draft: Draft,
    *,
    idempotency_key: str = "",
    created_by: "User | None" = None,
) -> Composed:
    """Returns once the message is stored; it is sent after the commit.

    The same key with the same draft returns the first message again. Raises Refused, KeyReused if
    the key came with another draft, KeySpent if the first message was removed, and StorageAway if
    its files cannot be stored now.
    """
    digest = draft_digest(draft)
    if idempotency_key and (found := find_composed(organization, idempotency_key, digest)):
        return found
    built = build_message(organization, draft)
    message = built.message
    message.idempotency_key = idempotency_key or None
    message.request_hash = digest
    message.created_by = created_by
    try:
        return Composed(store_message(built), is_new=True)
    except IntegrityError:
        # Two requests with one key at once: the other one was stored.
        found = find_composed(organization, idempotency_key, digest)
        if found is None:
            raise
        return found


@dataclass(frozen=True)
class MessagePreview:
    to: str
    subject: str
    body: str
    html: str
    # How many SMS it is, where it is one.
    segments: Segments | None
    # Why it would not be sent; None if it would.
    refusal: str | None
    # Of the text, and why a template is in this one.
    language: str
    language_reason: str


def preview_message(organization: Organization, draft: Draft) -> MessagePreview:
    """Returns what the draft would become, and stores nothing. Raises Refused."""
    built = build_message(organization, draft)
    message = built.message
    return MessagePreview(
        to=message.to,
        subject=message.subject,
        body=message.body,
        html=message.html,
        segments=count_segments(message.body) if message.channel == Channel.SMS else None,
        refusal=suppressions.refusal_for(message, message.channel, message.to) or None,
        language=message.language,
        language_reason=built.language_reason,
    )


def draft_digest(draft: Draft) -> str:
    """Returns what tells one request from another; the same after an update of ours.

    A field that a later release added counts only where it is given.
    """
    given = asdict(draft)
    for name in ADDED_LATER:
        if not given[name]:
            del given[name]
    canonical = json.dumps(given, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def find_composed(organization: Organization, key: str, digest: str) -> Composed | None:
    found = Message.objects.filter(organization=organization, idempotency_key=key).first()
    first = found or find_spent_key(organization, key)
    if first is None:
        return None
    if first.request_hash != digest:
        raise KeyReused("This Idempotency-Key was used for another request: choose a new one.")
    if found is None:
        raise KeySpent(
            "This request was taken before, and the retention rule has removed its message since. "
            "Nothing was sent now: to send it again, choose a new Idempotency-Key."
        )
    return Composed(found, is_new=False)


@dataclass(frozen=True)
class BuiltMessage:
    """A message that is not stored yet, and what is stored with it."""

    message: Message
    files: list[File]
    # Why its template is in this language, for the timeline.
    language_reason: str


def build_message(organization: Organization, draft: Draft) -> BuiltMessage:
    """Returns the message a draft becomes, not stored yet. Raises Refused."""
    if draft.channel not in Channel.values:
        raise Refused("channel", f"Choose one of: {', '.join(Channel.values)}.")
    drafts.check_draft_routes(draft)
    contact, to = drafts.resolve_recipient(organization, draft)
    text = drafts.render_draft(organization, draft, contact)
    files = attachments.decode_attachments(draft.attachments, channel=draft.channel, html=text.html)
    now = timezone.now()
    drafts.check_times(draft, now)
    plan = [dict(step) for step in draft.fallback]
    starts = max(draft.send_at or now, now)
    message = Message(
        organization=organization,
        contact=contact,
        channel=draft.channel,
        leg_channel=draft.channel,
        sender=organization.sender(draft.channel),
        to=to,
        leg_to=to,
        subject=text.subject,
        body=text.body,
        html=text.html,
        reply_to=drafts.check_reply_to(draft.reply_to),
        headers=drafts.check_headers(draft.headers),
        media=drafts.check_media(draft.media),
        language=text.language,
        template_ref=text.ref,
        has_attachments=bool(files),
        priority=draft.priority,
        send_at=draft.send_at,
        send_after=starts,
        expires_at=draft.expires_at,
        escalate_at=channel_fallback.escalation_deadline(plan, 0, starts),
        fallback=plan,
        resend_if_unknown=draft.resend_if_unknown,
        metadata=dict(draft.metadata),
    )
    check_service_window(message)
    replies.tie_to_answered(message)
    unsubscribe.add_unsubscribe_link(message)
    return BuiltMessage(message, files, text.language_reason)


def check_service_window(message: Message) -> None:
    """Raises Refused for free text outside the 24-hour window.

    It would be accepted, and fail a moment later.
    """
    if message.channel != Channel.WHATSAPP or message.template_ref or message.fallback:
        return
    if not whatsapp_window.is_window_open(message, message.to):
        raise Refused(
            "template",
            f"To {message.to}, {whatsapp_window.WINDOW_CLOSED} {approved_choice(message)}",
        )


def approved_choice(message: Message) -> str:
    approved = Template.objects.filter(
        SENDABLE,
        organization=message.organization,
        channel=Channel.WHATSAPP,
    )
    names = ", ".join(sorted(set(approved.values_list("name", flat=True))))
    return f"Choose one of: {names}." if names else "None is approved yet."


def store_message(built: BuiltMessage) -> Message:
    """Stores the files first, because they are written outside of the transaction."""
    for _ in range(STORE_TRIES):
        stored = contents.store_contents(file.content for file in built.files)
        try:
            return store_with_files(built, stored)
        except contents.Vanished:
            # The last message with the same file was erased in this moment.
            continue
    raise StorageAway(contents.NOT_STORED)


def store_with_files(built: BuiltMessage, stored: Mapping[str, int]) -> Message:
    message = built.message
    composed = Change(message=message.pk, kind=Kind.COMPOSED, detail=built.language_reason)
    with transaction.atomic():
        message.save(force_insert=True)
        contents.hold_files(stored)
        Attachment.objects.bulk_create(
            Attachment(
                message=message,
                filename=file.filename,
                content_type=file.content_type,
                content_id=file.content_id,
                stored_id=stored[contents.content_hash(file.content)],
            )
            for file in built.files
        )
        refused = eligibility.refuse_ineligible([message])
        record([composed, *refused.values()])
        event_stream.wake_dispatchers()
    message.refresh_from_db()
    return message
