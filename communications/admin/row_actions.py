"""What staff does to rows: to many from the list, to one from its page, with the same report."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from communications.errors import NotPossible
from wedsync_comms.lib.admin_kit.scope import ScopedAdmin

# One request does no more than this, whatever was selected.
MAX_ROWS = 500
MAX_REASONS = 5


@dataclass(frozen=True, kw_only=True)
class RowAction:
    name: str
    label: str
    icon: str
    # Begins the report: "Cancelled: 3 messages."
    past: str
    # Raises NotPossible with the reason.
    act: Callable[[Any, Any], object]
    # Whether to offer it on the row's page. Acting may still turn out to be impossible.
    is_possible: Callable[[Any], bool]


class RowActionsAdmin(ScopedAdmin):
    row_actions: tuple[RowAction, ...] = ()
    change_form_outer_before_template = "admin/communications/buttons.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_act_permission(request):
            for action in self.row_actions:
                actions[action.name] = (partial(run_on_many, action), action.name, action.label)
        return actions

    def get_urls(self) -> list[URLPattern]:
        ours = [
            path(
                f"<path:object_id>/{action.name}/",
                self.admin_site.admin_view(partial(self.run_on_one, action)),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{action.name}",
            )
            for action in self.row_actions
        ]
        return [*ours, *super().get_urls()]

    def run_on_one(self, action: RowAction, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_act_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        self.run(request, action, [row])
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", row.pk)

    def run(self, request: HttpRequest, action: RowAction, rows: Iterable[Any]) -> None:
        refused: Counter[str] = Counter()
        worked = 0
        for row in rows:
            try:
                action.act(row, request.user)
            except NotPossible as why:
                refused[str(why)] += 1
            else:
                worked += 1
                self.log_change(request, row, f"{action.past}.")
        self.report(request, action, worked, refused)

    def report(
        self, request: HttpRequest, action: RowAction, worked: int, refused: Counter[str]
    ) -> None:
        if worked:
            messages.success(request, f"{action.past}: {self.amount(worked)}.")
        for why, count in refused.most_common(MAX_REASONS):
            messages.warning(
                request, f"{action.label}: not possible for {self.amount(count)}. {why}"
            )

    def amount(self, count: int) -> str:
        return f"{count} {self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural}"

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, str]]:
        if not self.has_act_permission(request, row):
            return []
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return [
            {
                "label": action.label,
                "icon": action.icon,
                "url": reverse(f"{name}_{action.name}", args=[row.pk]),
            }
            for action in self.row_actions
            if action.is_possible(row)
        ]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {"buttons": self.buttons(request, row)}


def run_on_many(action: RowAction, admin: RowActionsAdmin, request: HttpRequest, rows: Any) -> None:
    admin.run(request, action, rows[:MAX_ROWS])
