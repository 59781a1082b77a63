"""What support looks at, and nobody changes: history, notices, subscriptions for pushes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from calendars.admin.status_badges import (
    NOTIFICATION_LOOKS,
    SUBSCRIPTION_LOOKS,
    look_badge,
    source_label,
)
from calendars.models import AppointmentChange, Notice, Subscription
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.filters import CreatedFilter
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import ScopedAdmin


class SupportAdmin(CappedAdmin, ScopedAdmin):
    is_addable = is_changeable = is_deletable = False
    actions = None
    sortable_by: list[str] = []
    list_filter_submit = True


@admin.register(AppointmentChange)
class AppointmentChangeAdmin(SupportAdmin):
    lookup = "appointment__organization"
    list_display = ["at", "what", "appointment", "origin", "by", "fields_changed"]
    list_select_related = ["appointment"]
    list_filter = [("what", ChoicesCheckboxFilter), CreatedFilter]
    search_fields = ["appointment__title", "by"]
    ordering = ["-pk"]
    fields = ["appointment", "version", "what", "source", "by", "before", "after", "created_at"]
    readonly_fields = fields

    @column("When")
    def at(self, change: AppointmentChange) -> str:
        return badges.time_tag(change.created_at)

    @column("Where from")
    def origin(self, change: AppointmentChange) -> str:
        return source_label(change.source)

    @column("Changed")
    def fields_changed(self, change: AppointmentChange) -> str:
        return badges.clamped_text(", ".join({**change.before, **change.after}))


@admin.register(Notice)
class NoticeAdmin(SupportAdmin):
    lookup = "appointment__organization"
    list_display = ["at", "rule", "appointment", "participant", "standing", "error"]
    list_select_related = ["rule", "appointment", "participant"]
    list_filter = [("state", ChoicesCheckboxFilter), CreatedFilter]
    search_fields = ["appointment__title", "participant__name", "participant__email"]
    ordering = ["-pk"]
    fields = [
        "rule",
        "appointment",
        "participant",
        "state",
        "tell_after",
        "tries",
        "message",
        "error",
        "created_at",
    ]
    readonly_fields = fields

    @column("When")
    def at(self, notice: Notice) -> str:
        return badges.time_tag(notice.created_at)

    @column("State")
    def standing(self, notice: Notice) -> str:
        return look_badge(notice.get_state_display(), NOTIFICATION_LOOKS[notice.state])


@admin.register(Subscription)
class SubscriptionAdmin(SupportAdmin):
    lookup = "account__organization"
    list_display = ["about", "standing", "expires", "acts", "heard", "tries", "error"]
    list_select_related = ["account", "calendar"]
    list_filter = [("state", ChoicesCheckboxFilter)]
    search_fields = ["account__email", "remote_id"]
    ordering = ["-pk"]
    fields = [
        "account",
        "about",
        "state",
        "remote_id",
        "resource_id",
        "starts_at",
        "expires_at",
        "act_after",
        "last_message_at",
        "tries",
        "error",
        "created_at",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("secret_hash")

    @column("Of")
    def about(self, subscription: Subscription) -> str:
        return str(subscription)

    @column("State")
    def standing(self, subscription: Subscription) -> str:
        state = subscription.state
        return look_badge(subscription.get_state_display(), SUBSCRIPTION_LOOKS[state])

    @column("Expires")
    def expires(self, subscription: Subscription) -> str:
        return badges.time_tag(subscription.expires_at)

    @column("Renewed or stopped")
    def acts(self, subscription: Subscription) -> str:
        return badges.time_tag(subscription.act_after)

    @column("Last message")
    def heard(self, subscription: Subscription) -> str:
        return badges.time_tag(subscription.last_message_at)
