"""Webhook deliveries: what came, what became of it, and once more."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from communications.admin.filters import DeliveryStateFilter, ProviderFilter
from communications.admin.row_actions import (
    RowAction,
    RowActionsAdmin,
)
from communications.errors import NotPossible
from communications.models import WebhookDelivery
from communications.receiving import deliveries
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import scope_of
from wedsync_comms.lib.admin_kit.wording import pretty_json

# Meta's bodies can have 3 MB; nobody reads that, and no browser folds it.
MAX_BODY = 50_000


def replay_delivery(delivery: WebhookDelivery, _user: Any) -> None:
    if not deliveries.replay_delivery(delivery):
        raise NotPossible(delivery.error)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(CappedAdmin, RowActionsAdmin):
    is_addable = is_changeable = is_deletable = False
    list_display = ["state", "what", "provider", "received", "tries", "trouble"]
    list_display_links = ["what"]
    list_filter = [DeliveryStateFilter, ProviderFilter]
    list_filter_submit = True
    search_fields = ["=event_id", "^type"]
    search_help_text = "The event’s id at the provider, or how its type begins."
    sortable_by: list[str] = []
    fields = [
        "outcome",
        "provider",
        "type",
        "event_id",
        "received_at",
        "applied_at",
        "apply_after",
        "tries",
        "error",
        "url",
        "content",
        "headers_shown",
    ]
    readonly_fields = fields
    row_actions = (
        RowAction(
            name="replay",
            label="Replay",
            icon="replay",
            past="Applied",
            act=replay_delivery,
            is_possible=lambda _delivery: True,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        scope = scope_of(request)
        rows = super().get_queryset(request)
        if scope.is_platform and scope.organization:
            # What nobody could be found for is the platform's business.
            rows |= WebhookDelivery.objects.filter(organization=None)
        return rows.defer("body", "headers")

    @column("State", label={"applied": "success", "waiting": "info", "failed": "danger"})
    def state(self, delivery: WebhookDelivery) -> str:
        if delivery.apply_after is not None:
            return "waiting"
        return "applied" if delivery.applied_at else "failed"

    @column("State")
    def outcome(self, delivery: WebhookDelivery) -> str:
        return {
            "applied": "Applied.",
            "waiting": "Waiting: it is applied at the time below, again if need be.",
            "failed": "Failed: it is not tried again by itself. Replay it once the cause is gone.",
        }[self.state(delivery)]

    @column("Type")
    def what(self, delivery: WebhookDelivery) -> str:
        return delivery.type or delivery.event_id

    @column("Error")
    def trouble(self, delivery: WebhookDelivery) -> str:
        return badges.clamped_text(delivery.error)

    @column("Received")
    def received(self, delivery: WebhookDelivery) -> str:
        return badges.time_tag(delivery.received_at)

    @column("Body")
    def content(self, delivery: WebhookDelivery) -> SafeString:
        text = readable_body(bytes(delivery.body))
        rest = len(text) - MAX_BODY
        more = f"… and {rest:,} more characters" if rest > 0 else ""
        return format_html('<pre class="ws-code" tabindex="0">{}{}</pre>', text[:MAX_BODY], more)

    @column("Headers")
    def headers_shown(self, delivery: WebhookDelivery) -> SafeString:
        lines = format_html_join("\n", "{}: {}", sorted(delivery.headers.items()))
        return format_html('<pre class="ws-code" tabindex="0">{}</pre>', lines)


def readable_body(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        return pretty_json(json.loads(text))
    except ValueError:
        return text
