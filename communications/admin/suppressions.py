"""The ledger of consent: addresses that may not be written to, closed by hand, lifted, never
deleted; and when people said that they may be."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from communications.admin import message_badges
from communications.admin.filters import InForceFilter
from communications.admin.row_actions import (
    RowAction,
    RowActionsAdmin,
)
from communications.book import contacts
from communications.errors import InvalidAddress, NotPossible
from communications.models import Suppression
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import OwnedForm


class SuppressionForm(OwnedForm):
    class Meta:
        fields = ["channel", "value", "detail"]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.owner is None or not {"channel", "value"} <= set(data):
            return data
        try:
            data["value"] = contacts.normalise_address(
                data["channel"],
                data["value"],
                region=self.owner.region,
            )
        except InvalidAddress as error:
            self.add_error("value", str(error))
            return data
        closed = Suppression.objects.on(data["channel"], [data["value"]])
        if closed.filter(organization=self.owner).exists():
            self.add_error("value", f"{data['value']} is closed already.")
        return data


def lift_suppression(suppression: Suppression, user: Any) -> None:
    if not suppressions.lift_suppressions([suppression], by=user.get_username()):
        raise NotPossible("It was lifted before.")


@admin.register(Suppression)
class SuppressionAdmin(CappedAdmin, RowActionsAdmin):
    form = SuppressionForm
    is_changeable = is_deletable = False
    list_display = ["value", "way", "why", "extent", "explanation", "since", "state"]
    list_filter = [
        InForceFilter,
        ("channel", ChoicesCheckboxFilter),
        ("reason", ChoicesCheckboxFilter),
    ]
    list_filter_submit = True
    search_fields = ["value"]
    search_help_text = "Address."
    fields = [
        "channel",
        "value",
        "reason",
        "sender",
        "marketing_only",
        "detail",
        "message",
        "created_at",
        "lifted_at",
        "lifted_by",
    ]
    readonly_fields = [
        "reason",
        "sender",
        "marketing_only",
        "message",
        "created_at",
        "lifted_at",
        "lifted_by",
    ]
    row_actions = (
        RowAction(
            name="lift",
            label="Lift",
            icon="lock_open",
            past="Open again",
            act=lift_suppression,
            is_possible=lambda suppression: suppression.lifted_at is None,
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = self.get_fields(request, obj)
        if obj is None:
            shown = [field for field in shown if field not in self.readonly_fields]
        return [(None, {"fields": shown})]

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        made = suppressions.suppress_address(
            obj.organization,
            channel=obj.channel,
            value=obj.value,
            reason=Reason.MANUAL,
            detail=obj.detail or f"Closed by {request.user} on {timezone.localdate()}.",
        )
        if made is None:
            # Closed by somebody else a moment ago, which is as good.
            made = Suppression.objects.on(obj.channel, [obj.value]).get(
                organization=obj.organization,
            )
        vars(obj).update(vars(made))

    @column("Channel")
    def way(self, suppression: Suppression) -> str:
        return message_badges.channel_badge(suppression.channel)

    @column("Reason")
    def why(self, suppression: Suppression) -> str:
        return suppression.get_reason_display()

    @column("Closed for")
    def extent(self, suppression: Suppression) -> str:
        if suppression.reason == Reason.OPT_IN:
            return "nothing"
        what = "advertising" if suppression.marketing_only else "everything"
        return f"{what} from {suppression.sender}" if suppression.sender else what

    @column("Detail")
    def explanation(self, suppression: Suppression) -> str:
        return badges.clamped_text(suppression.detail)

    @column("Since")
    def since(self, suppression: Suppression) -> str:
        return badges.time_tag(suppression.created_at)

    @column("State", label={"closed": "warning", "lifted": "default", "open": "success"})
    def state(self, suppression: Suppression) -> tuple[str, str]:
        if suppression.reason == Reason.OPT_IN:
            return "open", "open"
        if suppression.lifted_at is None:
            return "closed", "closed"
        return "lifted", f"lifted by {suppression.lifted_by}"
