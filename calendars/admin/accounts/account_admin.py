"""Accounts: connected, looked after, let go; and what their calendars are used for."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern

from calendars import enqueue
from calendars.admin.accounts import account_state
from calendars.admin.accounts.account_form import AccountForm
from calendars.admin.object_pages import Action, ActionDone, ObjectPagesAdmin
from calendars.appointments import conflicts
from calendars.linking import accounts
from calendars.models import Account
from calendars.models.accounts import AccountStatus, HeldDecision
from calendars.providers import registry
from wedsync_comms.lib.admin_kit.scope import (
    scope_of,
)


def save_calendar_choices(request: HttpRequest, account: Account) -> ActionDone | None:
    form = AccountForm(request.POST, account=account)
    if form.is_valid():
        form.store()
        return ActionDone("Saved. What is new is being read.", log="Calendars chosen.")
    for errors in form.errors.values():
        messages.error(request, " ".join(map(str, errors)))
    return None


def disconnect_by_staff(request: HttpRequest, account: Account) -> ActionDone | None:
    accounts.disconnect_account(account, why=f"Disconnected by {request.user.get_username()}.")
    return ActionDone(
        f"{account.email} is disconnected. Its appointments stay.",
        log="Disconnected.",
    )


def read_calendars_now(_request: HttpRequest, account: Account) -> ActionDone | None:
    followed = account.calendars.followed()
    for calendar in followed:
        enqueue.enqueue_pull(calendar.pk)
    count = len(followed)
    what = "1 calendar is" if count == 1 else f"{count} calendars are"
    return ActionDone(f"{what} being read.", log="Reading asked for.")


def decide_held_calendar(request: HttpRequest, account: Account) -> ActionDone | None:
    field = forms.ChoiceField(choices=HeldDecision.choices)
    try:
        decision = HeldDecision(field.clean(request.POST.get("decision", "")))
        key = forms.IntegerField(min_value=1).clean(request.POST.get("calendar", ""))
        calendar = account.calendars.get(pk=key)
    except (forms.ValidationError, ValueError, account.calendars.model.DoesNotExist):
        raise Http404 from None
    conflicts.decide_deletions(calendar, decision)
    message = f"{calendar}: it is done with the reading that begins now."
    return ActionDone(message, log=f"{calendar}: {decision.label}.")


ACCOUNT_ACTIONS: dict[str, Action] = {
    "choose": save_calendar_choices,
    "disconnect": disconnect_by_staff,
    "read": read_calendars_now,
    "decide": decide_held_calendar,
}


@admin.register(Account)
class AccountAdmin(ObjectPagesAdmin):
    is_addable = is_changeable = is_deletable = False
    search_fields = ["email"]
    ordering = ["vendor", "email", "pk"]
    actions = None
    fields = ["email"]

    def get_urls(self) -> list[URLPattern]:
        return [
            self.view_path("part/", self.list_part, "list"),
            self.view_path("<path:object_id>/part/", self.part_view, "part"),
            *self.action_paths(ACCOUNT_ACTIONS),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        rows: QuerySet[Account] = super().get_queryset(request)
        return rows.select_related("organization").prefetch_related(*account_state.PREFETCHED)

    # --- the list ---

    def changelist_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        return self.draw_page(request, "change_list", self.list_context(request))

    def list_part(self, request: HttpRequest) -> HttpResponse:
        return self.draw_part(request, "list", self.list_context(request))

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        self.require(may=self.has_view_permission(request))
        rows = self.get_queryset(request)[: account_state.MAX_ACCOUNTS]
        return {
            "accounts": [account_state.account_state(account) for account in rows],
            "shows_organization": self.shows_organization(request),
            "vendors": connectable_vendors(request),
            "title": "Calendar accounts",
        }

    # --- an account ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        return self.draw_page(request, "change_form", self.account_context(request, object_id))

    def part_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.draw_part(request, "live", self.account_context(request, object_id))

    def account_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        account = self.find_row(request, object_id)
        is_linked = account.status == AccountStatus.LINKED
        is_configured = account.vendor in registry.vendor_slugs()
        state = account_state.account_state(account)
        return {
            "account": account,
            "state": state,
            "held": [account_state.held_appointments(calendar) for calendar in state.held],
            "form": AccountForm(account=account),
            "may_connect": is_configured and is_member(request),
            "offers_again": not is_linked or account.why or account.failures,
            "is_linked": is_linked,
            "title": account.email or str(account),
        }


def is_member(request: HttpRequest) -> bool:
    return scope_of(request).organization is not None


def connectable_vendors(request: HttpRequest) -> list[dict[str, str]]:
    """Returns the vendors that can be connected; none for a login without an organization."""
    if not is_member(request):
        return []
    return [
        {"slug": slug, "label": registry.configured_vendor(slug).label}
        for slug in registry.vendor_slugs()
    ]
