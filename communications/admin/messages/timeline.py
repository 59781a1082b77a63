"""What a message's page shows: where it stands, every attempt, everything that happened."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from communications.admin import message_badges
from communications.book.contacts import bare_address
from communications.conversations import thread
from communications.live import event_stream
from communications.models import (
    Attempt,
    Channel,
    Direction,
    Event,
    Message,
)
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.wording import pretty_json, short_duration

# Beyond this, a page is not read any more: opens of a newsletter, for example.
MAX_ENTRIES = 300
# What is learned later than this is worth a remark.
REMARKABLE = timedelta(seconds=2)
MAX_HTML = 500_000
RE = re.compile("re:", re.IGNORECASE)

# Mail is written by strangers. The frame runs nothing; this keeps it from loading anything either,
# so that no tracking pixel learns when staff looks, and from where.
FRAME_HEAD = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:\">"
    '<meta name="referrer" content="no-referrer"><base target="_blank">'
)


@dataclass(frozen=True)
class TimelineEntry:
    event: Event
    icon: str
    source: str
    # The message's status after it, where it is another one since.
    becomes: SafeString | None
    # Where it says something about delivery and the message stays where it was.
    stays: str
    lag: str


@dataclass(frozen=True)
class AttemptEntry:
    attempt: Attempt
    channel: SafeString
    status: SafeString
    took: str
    exchange: str


def message_context(message: Message) -> dict[str, Any]:
    # Read first: what happens while the rest is read is then sent again, never left out.
    last_id = event_stream.last_event_id()
    related = ("contact", "organization", "in_reply_to", "thread")
    message = Message.objects.select_related(*related).get(pk=message.pk)
    events = Event.objects.filter(message=message).select_related("attempt").order_by("-id")
    return {
        "message": message,
        "since": last_id,
        "badge": message_badges.status_badge(message.status),
        "channel": message_badges.channel_badge(message.went_by),
        "leg": fallback_context(message),
        "tries": [attempt_entry(attempt) for attempt in message.attempts.order_by("-number")],
        "entries": [timeline_entry(event) for event in events[:MAX_ENTRIES]],
        "max_entries": MAX_ENTRIES,
        "waits": message.send_after is not None,
        "frame": FRAME_HEAD + message.html[:MAX_HTML] if message.html else "",
        "reply": reply_query(message),
        # Not “media”, by which the admin's own pages load their scripts.
        "media_files": thread.media_files(message.media),
        "structured": pretty_json(message.content) if message.content else "",
        "files": message.attachments.defer("content") if message.has_attachments else [],
    }


def fallback_context(message: Message) -> dict[str, Any] | None:
    """The plan, how it went in the end, and what was said at each turn; None without a plan."""
    if not message.fallback:
        return None
    turns = Event.objects.filter(message=message, kind=Kind.FAILOVER)
    return {
        "plan": ", ".join(fallback_steps(message)),
        "went": Channel(message.went_by).label,
        "instead": Channel(message.channel).label if message.went_by != message.channel else "",
        "why": list(turns.values_list("detail", flat=True)),
    }


def fallback_steps(message: Message) -> Iterator[str]:
    yield f"by {Channel(message.channel).label}"
    for step in message.fallback:
        after = step.get("after_seconds")
        when = (
            "immediately" if after is None else f"after {short_duration(timedelta(seconds=after))}"
        )
        yield f"then by {Channel(step['channel']).label} {when}"


def reply_query(message: Message) -> str:
    """What the form for an answer starts with; blank for what nobody needs to answer."""
    if message.direction != Direction.INBOUND:
        return ""
    if message.reply_to or not message.contact_id:
        to: dict[str, Any] = {"to": message.reply_to or bare_address(message.sender)}
    else:
        to = {"contact": message.contact_id}
    if message.channel != Channel.EMAIL:
        return urlencode({**to, "channel": message.channel})
    subject = message.subject if RE.match(message.subject) else f"Re: {message.subject}"
    return urlencode({**to, "channel": message.channel, "subject": subject})


def timeline_entry(event: Event) -> TimelineEntry:
    lag = event.recorded_at - event.occurred_at
    return TimelineEntry(
        event=event,
        icon=message_badges.KIND_ICONS.get(event.kind, "radio_button_unchecked"),  # type: ignore[call-overload]
        source=message_badges.SOURCES[event.source],  # type: ignore[index]
        becomes=message_badges.status_badge(event.message_status) if event.changed else None,
        stays="" if event.changed or not event.status else Status(event.message_status).label,
        lag=short_duration(lag) if lag > REMARKABLE else "",
    )


def attempt_entry(attempt: Attempt) -> AttemptEntry:
    took = attempt.finished_at - attempt.started_at if attempt.finished_at else None
    status = Status(attempt.status)
    # An attempt that is "queued" is a call under way.
    name = "being sent" if status is Status.QUEUED else status.label
    return AttemptEntry(
        attempt=attempt,
        channel=message_badges.channel_badge(attempt.channel),
        status=badges.coloured_label(name, message_badges.STATUS_COLOURS[status]),
        took=short_duration(took) if took is not None else "",
        exchange=pretty_json(attempt.response) if attempt.response else "",
    )
