"""A contact's thread across the channels, and by which of them it can go on now. Reads only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Prefetch

from communications.composing.template_choice import SENDABLE, best_version
from communications.models import Channel, Contact, Direction, Event, Message, Template
from communications.policy import channel_fallback, suppressions, whatsapp_window
from communications.providers import registry
from communications.vocabulary.events import Kind

# Large, and of no use in a thread.
LEFT_OUT = ("html", "headers", "metadata")


@dataclass(frozen=True, kw_only=True)
class ChannelOption:
    """A channel to a contact. Open: any text may go there now; if not, `reason` says why.

    `templates` are the approved texts that may be sent, also where nothing else may.
    """

    channel: str
    value: str
    is_open: bool
    reason: str
    templates: list[Template] = field(default_factory=list)
    window_until: datetime | None = None
    # The one to answer by.
    is_preferred: bool = False


def channel_options(contact: Contact) -> list[ChannelOption]:
    """Returns every channel there is, in one order for everybody."""
    found = [
        channel_option(contact, channel, contact.reachable_at(channel))
        for channel in Channel.values
    ]
    chosen = preferred_channel(contact, [option.channel for option in found if option.is_open])
    return [
        ChannelOption(**vars(option) | {"is_preferred": option.channel == chosen})
        for option in found
    ]


def channel_option(contact: Contact, channel: str, to: str) -> ChannelOption:
    probe = Message(
        organization=contact.organization,
        contact=contact,
        channel=channel,
        leg_channel=channel,
        to=to,
        leg_to=to,
    )
    reason = channel_fallback.leg_obstacle(probe, channel, to)
    is_whatsapp = channel == Channel.WHATSAPP
    return ChannelOption(
        channel=channel,
        value=to,
        is_open=not reason,
        reason=reason[:1].upper() + reason[1:],
        templates=list(sendable_templates(probe)) if is_whatsapp else [],
        window_until=whatsapp_window.window_end(contact.organization_id, to)
        if is_whatsapp and to
        else None,
    )


def sendable_templates(probe: Message) -> Iterator[Template]:
    """Returns one template of each name, as a draft would choose it, that may be sent to them."""
    if not (probe.to and registry.route_slugs(probe.channel)):
        return
    approved = Template.objects.filter(
        SENDABLE,
        organization=probe.organization_id,
        channel=probe.channel,
    ).order_by("name", "language", "pk")
    refused: dict[str, str] = {}
    for _, versions in groupby(approved, key=lambda version: version.name):
        template = best_version(list(versions), probe.organization, probe.contact).template
        category = template.category
        if category not in refused:
            probe.template_ref = {"category": category}
            refused[category] = suppressions.refusal_for(probe, probe.channel, probe.to)
        if not refused[category]:
            yield template


def preferred_channel(contact: Contact, open_channels: list[str]) -> str:
    """Returns the open channel they prefer, else where they wrote last, else the first.

    Blank: none is open.
    """
    if contact.preferred_channel in open_channels:
        return contact.preferred_channel
    wrote = (
        Message.objects.filter(
            contact=contact,
            direction=Direction.INBOUND,
            is_automatic=False,
            channel__in=open_channels,
        )
        .order_by("-created_at")
        .values_list("channel", flat=True)
        .first()
    )
    return wrote or next(iter(open_channels), "")


def newest_messages(contact: Contact, count: int) -> list[Message]:
    """Returns the end of the thread, oldest first, each message with its failovers as `detours`."""
    detours = Event.objects.filter(kind=Kind.FAILOVER)
    rows = (
        Message.objects.in_conversation(contact.pk)
        .defer(*LEFT_OUT)
        .select_related("in_reply_to")
        .prefetch_related("attempts", Prefetch("events", detours, to_attr="detours"))
    )
    return list(reversed(rows[:count]))


def media_files(media: Iterable[Any]) -> list[dict[str, str]]:
    """Returns what to call each picture or document, and where it is, if that is an address."""
    files = [
        (item, "", "")
        if isinstance(item, str)
        else (item.get("url", ""), item.get("content_type", ""), item.get("name", ""))
        for item in media
    ]
    return [
        {
            "name": name or MEDIA_NAMES.get(kind.partition("/")[0], "Document" if kind else "File"),
            "kind": kind,
            # Meta's are ids of its own, which open nothing in a browser.
            "url": url if url.startswith("https://") else "",
        }
        for url, kind, name in files
    ]


MEDIA_NAMES = {"image": "Picture", "audio": "Voice message", "video": "Video"}
