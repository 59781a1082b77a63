"""text -> fingerprint: what a message said goes; that it was sent, to whom and when, stays."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from communications.files import contents, removal
from communications.messages.transitions import save_columns
from communications.models import Attachment, Event, Message, Trimmed
from communications.vocabulary.events import Kind

TEXT_BATCH = 200
# What is part of a text, and what stands for it afterwards.
BLANK: Mapping[str, Any] = {
    "subject": "",
    "body": "",
    "html": "",
    "headers": {},
    "media": [],
    "template_ref": {},
    "content": {},
    "edits": [],
    "reactions": [],
    "has_attachments": False,
}
# What its timeline quotes of it.
QUOTING = (Kind.EDITED, Kind.REACTED)
# What its fingerprint is made of.
PROVEN = ("subject", "body", "html", "media", "template_ref", "content")


def remove_texts(organization: int | None, before: datetime) -> int:
    """Removes the texts of the oldest messages from before then; returns of how many."""
    with transaction.atomic():
        messages = oldest_untrimmed(organization, before)
        with_files = [message.pk for message in messages if message.has_attachments]
        attachments = Attachment.objects.filter(message__in=with_files).defer("content")
        rows = list(attachments.select_related("stored"))
        hashes = hashes_by_message(rows)
        for message in messages:
            blank_text(message, hashes.get(message.pk, []))
        columns = [*BLANK, "trimmed", "text_removed_at", "fingerprint"]
        save_columns(Message.objects, messages, columns)
        quotes = Event.objects.filter(message__in=messages, kind__in=QUOTING)
        quotes.exclude(detail="").update(detail="")
        # The files themselves go with the next sweep.
        removal.detach_files(rows)
    return len(messages)


def oldest_untrimmed(organization: int | None, before: datetime) -> list[Message]:
    for trimmed in (Trimmed.NOTHING, Trimmed.ATTEMPTS):
        rows = Message.objects.over_since(before).filter(organization=organization, trimmed=trimmed)
        locked = rows.order_by("created_at").select_for_update(skip_locked=True)
        if found := list(locked[:TEXT_BATCH]):
            return found
    return []


def blank_text(message: Message, files: Iterable[str]) -> None:
    # What was erased with a person before has no text to prove.
    if any(getattr(message, column) for column in PROVEN) or files:
        message.fingerprint = content_fingerprint(message, files)
        message.text_removed_at = timezone.now()
    for column, blank in BLANK.items():
        setattr(message, column, blank)
    message.trimmed |= Trimmed.TEXT


def content_fingerprint(message: Message, files: Iterable[str]) -> str:
    """Returns what only this content has: whoever shows the text again can be believed.

    The SHA-256 of this JSON in UTF-8, its keys in order and without spaces: the message's
    `subject`, `body`, `html`, `media`, `template_ref` and `content`, and as `files` the SHA-256 of
    each attachment, in order.
    """
    said = {column: getattr(message, column) for column in PROVEN} | {"files": sorted(files)}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def hashes_by_message(attachments: Iterable[Attachment]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for row in attachments:
        digest = row.stored.sha256 if row.stored else unmoved_hash(row)
        found.setdefault(row.message_id, []).append(digest)
    return found


def unmoved_hash(attachment: Attachment) -> str:
    # Bytes that nobody has moved yet are in the row: one file in memory at a time.
    rows = Attachment.objects.filter(pk=attachment.pk)
    return contents.content_hash(bytes(rows.values_list("content", flat=True).get() or b""))
