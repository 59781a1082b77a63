"""Accounts: connected, looked after, let go; and what their calendars are used for."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from calendars import enqueue
from calendars.admin.accounts import account_state
from calendars.admin.accounts.account_form import AccountForm
from calendars.appointments import conflicts
from calendars.linking import accounts
from calendars.models import Account
from calendars.models.accounts import AccountStatus, HeldDecision
from calendars.providers import registry
from communications.errors import NotPossible
from wedsync_comms.lib.admin_kit.scope import (
    ScopedAdmin,
    in_organization_time,
    scope_of,
)

AccountAction = Callable[[HttpRequest, Account], None]
NAME = "calendars_account"


def save_calendar_choices(request: HttpRequest, account: Account) -> None:
    form = AccountForm(request.POST, account=account)
    if form.is_valid():
        form.store()
        messages.success(request, "Saved. What is new is being read.")
    else:
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))


def disconnect_by_staff(request: HttpRequest, account: Account) -> None:
    accounts.disconnect_account(account, why=f"Disconnected by {request.user.get_username()}.")
    messages.success(request, f"{account.email} is disconnected. Its appointments stay.")


def read_calendars_now(request: HttpRequest, account: Account) -> None:
    followed = account.calendars.followed()
    for calendar in followed:
        enqueue.enqueue_pull(calendar.pk)
    count = len(followed)
    what = "1 calendar is" if count == 1 else f"{count} calendars are"
    messages.success(request, f"{what} being read.")


def decide_held_calendar(request: HttpRequest, account: Account) -> None:
    field = forms.ChoiceField(choices=HeldDecision.choices)
    try:
        decision = HeldDecision(field.clean(request.POST.get("decision", "")))
        key = forms.IntegerField(min_value=1).clean(request.POST.get("calendar", ""))
        calendar = account.calendars.get(pk=key)
    except (forms.ValidationError, ValueError, account.calendars.model.DoesNotExist):
        raise Http404 from None
    try:
        conflicts.decide_deletions(calendar, decision)
    except NotPossible as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"{calendar}: it is done with the reading that begins now.")


ACCOUNT_ACTIONS: dict[str, AccountAction] = {
    "choose": save_calendar_choices,
    "disconnect": disconnect_by_staff,
    "read": read_calendars_now,
    "decide": decide_held_calendar,
}


@admin.register(Account)
class AccountAdmin(ScopedAdmin):
    is_addable = is_changeable = is_deletable = False
    search_fields = ["email"]
    ordering = ["vendor", "email", "pk"]
    actions = None
    fields = ["email"]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        acts = [
            path(f"<path:object_id>/{name}/", wrap(partial(self.act, act)), name=f"{NAME}_{name}")
            for name, act in ACCOUNT_ACTIONS.items()
        ]
        return [
            path("part/", wrap(self.list_part), name=f"{NAME}_list"),
            path("<path:object_id>/part/", wrap(self.part_view), name=f"{NAME}_part"),
            *acts,
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        rows: QuerySet[Account] = super().get_queryset(request)
        return rows.select_related("organization").prefetch_related(*account_state.PREFETCHED)

    # --- acting ---

    def act(self, act: AccountAction, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_act_permission(request):
            raise PermissionDenied
        account = self.found(request, object_id)
        act(request, account)
        self.log_change(request, account, f"{request.path.rstrip('/').rpartition('/')[2]}.")
        return redirect(f"admin:{NAME}_change", account.pk)

    def found(self, request: HttpRequest, object_id: str) -> Account:
        account = self.get_object(request, unquote(object_id))
        if account is None:
            raise Http404
        return account  # type: ignore[no-any-return]

    # --- the list ---

    def changelist_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        return in_organization_time(request, self.page, "account/change_list.html", self.listed)

    def list_part(self, request: HttpRequest) -> HttpResponse:
        return in_organization_time(request, self.part, "account/list.html", self.listed(request))

    def listed(self, request: HttpRequest) -> dict[str, Any]:
        rows = self.get_queryset(request)[: account_state.MAX_ACCOUNTS]
        return {
            "accounts": [account_state.account_state(one) for one in rows],
            "may_act": self.has_act_permission(request),
            "shows_organization": self.shows_organization(request),
            "vendors": connectable_vendors(request),
            "title": "Calendar accounts",
        }

    # --- one ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        account = self.found(request, object_id)
        return in_organization_time(
            request,
            self.page,
            "account/change_form.html",
            partial(self.shown, account=account),
        )

    def part_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        context = self.shown(request, account=self.found(request, object_id))
        return in_organization_time(request, self.part, "account/live.html", context)

    def shown(self, request: HttpRequest, *, account: Account) -> dict[str, Any]:
        may_act = self.has_act_permission(request)
        is_linked = account.status == AccountStatus.LINKED
        stands = account_state.account_state(account)
        return {
            "account": account,
            "state": stands,
            "held": [account_state.held_appointments(one) for one in stands.held],
            "form": AccountForm(account=account),
            "may_act": may_act,
            "may_connect": may_act
            and account.vendor in registry.vendor_slugs()
            and is_member(request),
            "offers_again": not is_linked or account.why or account.failures,
            "is_linked": is_linked,
            "title": account.email or str(account),
        }

    # --- drawing ---

    def page(
        self,
        request: HttpRequest,
        template: str,
        context: Callable[[HttpRequest], dict[str, Any]],
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "zone": scope_of(request).time_zone.key,
            **context(request),
        }
        return TemplateResponse(request, f"admin/calendars/{template}", whole)

    def part(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(request, f"admin/calendars/{template}", context)


def is_member(request: HttpRequest) -> bool:
    return scope_of(request).organization is not None


def connectable_vendors(request: HttpRequest) -> list[dict[str, str]]:
    """Those to connect to; none for who belongs to no organization."""
    if not is_member(request):
        return []
    return [
        {"slug": one, "label": registry.configured_vendor(one).label}
        for one in registry.vendor_slugs()
    ]
