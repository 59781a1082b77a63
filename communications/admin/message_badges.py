"""Colours and icons of messages, of their channels and of what happens to them."""

from django.utils.safestring import SafeString

from communications.models import Channel
from communications.vocabulary.events import Kind, Source
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.admin_kit import badges

STATUS_COLOURS = {
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
    Kind.EDITED: "edit_note",
    Kind.DELETED: "delete",
    Kind.REACTED: "add_reaction",
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


def status_badge(status: str) -> SafeString:
    found = Status(status)
    return badges.coloured_label(found.label, STATUS_COLOURS[found])


def channel_badge(value: str) -> SafeString:
    found = Channel(value)
    return badges.icon_with_text(CHANNEL_ICONS[found], found.label)
