"""Colours and icons, always beside words."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.decorators import display

from communications.models import Channel
from communications.vocabulary.events import (
    Kind,
    Source,
)
from communications.vocabulary.statuses import Status

F = TypeVar("F", bound=Callable[..., object])

VARIANTS = {
    Status.QUEUED: "info",
    Status.UNKNOWN: "warning",
    Status.SENT: "primary",
    Status.FAILED: "danger",
    Status.DELIVERED: "success",
    Status.BOUNCED: "danger",
    Status.READ: "success",
    Status.SUPPRESSED: "warning",
    Status.CANCELLED: "default",
    Status.EXPIRED: "warning",
}
CHANNEL_ICONS = {Channel.EMAIL: "mail", Channel.SMS: "sms", Channel.WHATSAPP: "chat"}
KIND_ICONS = {
    Kind.ACCEPTED: "outbox",
    Kind.SENT: "send",
    Kind.DELAYED: "hourglass_top",
    Kind.DELIVERED: "mark_email_read",
    Kind.BOUNCED: "undo",
    Kind.FAILED: "error",
    Kind.OPENED: "drafts",
    Kind.CLICKED: "ads_click",
    Kind.COMPLAINED: "report",
    Kind.READ: "done_all",
    Kind.RECEIVED: "move_to_inbox",
    Kind.COMPOSED: "edit",
    Kind.ATTEMPTED: "send",
    Kind.UNANSWERED: "help",
    Kind.RETRY: "schedule",
    Kind.HELD: "bedtime",
    Kind.FAILOVER: "alt_route",
    Kind.GIVEN_UP: "cancel",
    Kind.SUPPRESSED: "block",
    Kind.CANCELLED: "cancel",
    Kind.EXPIRED: "timer_off",
    Kind.RETRIED: "refresh",
}
SOURCES = {
    Source.RESPONSE: "the provider’s answer",
    Source.WEBHOOK: "webhook",
    Source.POLL: "asked the provider",
    Source.SYSTEM: "WedSync",
}


def badge(status: str) -> SafeString:
    found = Status(status)
    return label(found.label, VARIANTS[found])


def label(text: str, variant: str) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": variant})


def icon(name: str, text: str) -> SafeString:
    """An icon before a text that says the same."""
    return format_html(
        '<span class="ws-icon-text"><span class="material-symbols-outlined md-18"'
        ' aria-hidden="true">{}</span>{}</span>',
        name,
        text,
    )


def channel(value: str) -> SafeString:
    found = Channel(value)
    return icon(CHANNEL_ICONS[found], found.label)


def moment(value: datetime | None) -> SafeString | str:
    if value is None:
        return "–"
    local = localtime(value)
    return format_html(
        '<time class="ws-moment" datetime="{}">{}</time>',
        local.isoformat(),
        date_format(local, "j M Y, H:i"),
    )


def clamped(text: str) -> SafeString | str:
    """At most two lines of it."""
    return format_html('<span class="ws-clamp">{}</span>', text) if text else "–"


def column(title: str, *, label: Mapping[Any, str] | None = None) -> Callable[[F], F]:
    """A method as a column. With `label`, its value, or the first of a pair, chooses the colour."""

    def mark(method: F) -> F:
        marked: F = display(method, description=title, label=label)
        return marked

    return mark
