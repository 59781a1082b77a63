"""A contact's conversation as the admin shows it: bubbles, and the doors to answer through."""

from typing import Any
from urllib.parse import urlencode

from communications.admin import message_badges
from communications.conversations import thread
from communications.conversations.thread import ChannelOption
from communications.models import (
    Channel,
    Contact,
    Direction,
    Message,
)


def message_bubbles(contact: Contact, count: int) -> list[dict[str, Any]]:
    return [message_bubble(message, contact) for message in thread.newest_messages(contact, count)]


def message_bubble(message: Message, contact: Contact) -> dict[str, Any]:
    is_ours = message.direction == Direction.OUTBOUND
    went_by = message.went_by
    return {
        "message": message,
        "is_ours": is_ours,
        "badge": message_badges.status_badge(message.status) if is_ours else "",
        "channel": message_badges.channel_badge(went_by),
        "instead": Channel(message.channel).label if went_by != message.channel else "",
        "why": [detour.detail for detour in message.detours],  # type: ignore[attr-defined] # prefetched by thread.newest_messages
        "media": thread.media_files(message.media),
        "quote": quoted_words(message),
        "is_by_another": message.thread_id == contact.pk,
    }


def quoted_words(message: Message) -> str:
    """Of the message it answers. A mail quotes by itself."""
    answered = message.in_reply_to
    if answered is None or message.channel == Channel.EMAIL:
        return ""
    return answered.body or "a message without words"


def reply_option(contact: Contact, way: ChannelOption) -> dict[str, Any]:
    """A channel, with the link to the form for an answer where there is something to send."""
    is_usable = way.is_open or bool(way.templates)
    query = urlencode({"contact": contact.pk, "channel": way.channel})
    return {
        "way": way,
        "channel": message_badges.channel_badge(way.channel),
        "query": query if is_usable else "",
        "reply": query + reply_subject(contact)
        if way.is_preferred and way.channel == "email"
        else query,
    }


def reply_subject(contact: Contact) -> str:
    """Of the last mail, for the answer to it."""
    mails = Message.objects.in_conversation(contact.pk).filter(channel=Channel.EMAIL)
    mails = mails.filter(is_automatic=False).exclude(subject="")
    last = mails.order_by("-created_at").values_list("subject", flat=True).first()
    if last is None:
        return ""
    return "&" + urlencode({"subject": last if last[:3].lower() == "re:" else f"Re: {last}"})
