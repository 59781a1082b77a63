"""Messages: found, looked at, composed, tried again, cancelled; never edited, never deleted."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from communications.admin import message_badges
from communications.admin.filters import AttemptFilter, OutboxFilter
from communications.admin.messages import (
    search,
    timeline,
)
from communications.admin.messages.composing import ComposingAdmin
from communications.admin.row_actions import (
    RowAction,
    RowActionsAdmin,
)
from communications.messages import staff_actions
from communications.models import (
    Direction,
    Message,
    Priority,
)
from communications.policy import suppressions
from communications.vocabulary.consent.consent_keywords import Consent
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.filters import CreatedFilter
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import (
    in_organization_time,
    scope_of,
)

# Large, and of no use in a list.
UNLISTED = ["body", "html", "headers", "metadata", "fallback"]
SNIPPET = 140


@admin.register(Message)
class MessageAdmin(ComposingAdmin, CappedAdmin, RowActionsAdmin):
    list_display = ["state", "way", "to_whom", "about", "carrier", "urgency", "composed"]
    list_display_links = ["to_whom", "about"]
    show_add_link = False
    change_list_template = "admin/communications/message/change_list.html"
    list_filter = [
        ("status", ChoicesCheckboxFilter),
        ("channel", ChoicesCheckboxFilter),
        ("direction", ChoicesCheckboxFilter),
        ("consent", ChoicesCheckboxFilter),
        ("priority", ChoicesCheckboxFilter),
        AttemptFilter,
        OutboxFilter,
        CreatedFilter,
    ]
    list_filter_submit = True
    search_fields = ["to", "subject", "provider_id"]
    search_help_text = "Address, subject or id."
    sortable_by: list[str] = []
    fields = ["status"]
    is_changeable = is_deletable = False
    change_form_template = "admin/communications/message/change_form.html"
    row_actions = (
        RowAction(
            name="retry",
            label="Try again",
            icon="refresh",
            past="Waiting to be sent again",
            act=lambda message, user: staff_actions.retry_message(message, by=user.get_username()),
            is_possible=lambda message: (
                message.direction == Direction.OUTBOUND
                and message.send_after is None
                and message.status in staff_actions.RETRIABLE
            ),
        ),
        RowAction(
            name="cancel",
            label="Cancel sending",
            icon="cancel",
            past="Cancelled",
            act=lambda message, user: staff_actions.cancel_message(message, by=user.get_username()),
            is_possible=lambda message: (
                message.direction == Direction.OUTBOUND and message.send_after is not None
            ),
        ),
        RowAction(
            name="confirm_opt_out",
            label="Confirm opt-out",
            icon="block",
            past="Not written to any more",
            act=lambda message, user: suppressions.confirm_opt_out(message, by=user.get_username()),
            is_possible=lambda message: message.consent == Consent.POSSIBLE_OPT_OUT,
        ),
        RowAction(
            name="dismiss_opt_out",
            label="Not an opt-out",
            icon="check",
            past="Marked as no opt-out",
            act=lambda message, _user: suppressions.dismiss_opt_out(message),
            is_possible=lambda message: message.consent == Consent.POSSIBLE_OPT_OUT,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request).defer(*UNLISTED)
        return rows.annotate(begins=Left("body", SNIPPET))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 (Django's signature)
        queryset: QuerySet[Message],
        search_term: str,
    ) -> tuple[QuerySet[Message], bool]:
        term = search_term.strip()
        return (search.found_messages(queryset, term) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        live = path(
            "<path:object_id>/timeline/",
            self.admin_site.admin_view(self.timeline_view),
            name="communications_message_timeline",
        )
        return [live, *super().get_urls()]

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the message's page fetches again whenever something happened to it."""
        message = self.get_object(request, unquote(object_id))
        if message is None:
            raise Http404
        context = {
            **timeline.message_context(message),
            "buttons": self.buttons(request, message),
            "may_compose": self.has_act_permission(request),
        }
        return in_organization_time(
            request,
            render,
            "admin/communications/message/live.html",
            context,
        )

    def page_context(self, request: HttpRequest, row: Message) -> dict[str, Any]:
        return {
            **super().page_context(request, row),
            **timeline.message_context(row),
            # The stream is an organization's: who has none sees no live updates.
            "is_live": scope_of(request).organization is not None,
            "may_compose": self.has_act_permission(request),
        }

    # --- columns ---

    @column("Status", label=message_badges.STATUS_COLOURS)
    def state(self, message: Message) -> tuple[str, str]:
        return message.status, message.get_status_display()

    @column("Channel")
    def way(self, message: Message) -> SafeString:
        return message_badges.channel_badge(message.leg_channel)

    @column("To")
    def to_whom(self, message: Message) -> str | SafeString:
        if message.direction == Direction.OUTBOUND:
            return message.to
        return format_html('<span class="ws-subtle">from</span> {}', message.sender)

    @column("Provider")
    def carrier(self, message: Message) -> str:
        return message.provider or "–"

    @column("Priority")
    def urgency(self, message: Message) -> str:
        priority = Priority(message.priority)
        name = priority.label.lower()
        return badges.coloured_label(name, "warning") if priority is Priority.URGENT else name

    @column("Subject or text")
    def about(self, message: Message) -> str:
        return badges.clamped_text(message.subject or message.begins or "(without words)")  # type: ignore[attr-defined] # annotated above

    @column("Created")
    def composed(self, message: Message) -> str:
        return badges.time_tag(message.created_at)
