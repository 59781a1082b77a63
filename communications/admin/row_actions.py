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
    verbs: tuple[RowAction, ...] = ()
    change_form_outer_before_template = "admin/communications/buttons.html"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_act_permission(request):
            for verb in self.verbs:
                actions[verb.name] = (partial(run_on_many, verb), verb.name, verb.label)
        return actions

    def get_urls(self) -> list[URLPattern]:
        ours = [
            path(
                f"<path:object_id>/{verb.name}/",
                self.admin_site.admin_view(partial(self.one, verb)),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{verb.name}",
            )
            for verb in self.verbs
        ]
        return [*ours, *super().get_urls()]

    def one(self, verb: RowAction, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_act_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        self.run(request, verb, [row])
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", row.pk)

    def run(self, request: HttpRequest, verb: RowAction, rows: Iterable[Any]) -> None:
        refused: Counter[str] = Counter()
        worked = 0
        for row in rows:
            try:
                verb.act(row, request.user)
            except NotPossible as why:
                refused[str(why)] += 1
            else:
                worked += 1
                self.log_change(request, row, f"{verb.past}.")
        self.report(request, verb, worked, refused)

    def report(
        self, request: HttpRequest, verb: RowAction, worked: int, refused: Counter[str]
    ) -> None:
        if worked:
            messages.success(request, f"{verb.past}: {self.amount(worked)}.")
        for why, count in refused.most_common(MAX_REASONS):
            messages.warning(request, f"{verb.label}: not possible for {self.amount(count)}. {why}")

    def amount(self, count: int) -> str:
        return f"{count} {self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural}"

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, str]]:
        if not self.has_act_permission(request, row):
            return []
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return [
            {
                "label": verb.label,
                "icon": verb.icon,
                "url": reverse(f"{name}_{verb.name}", args=[row.pk]),
            }
            for verb in self.verbs
            if verb.is_possible(row)
        ]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {"buttons": self.buttons(request, row)}


def run_on_many(verb: RowAction, admin: RowActionsAdmin, request: HttpRequest, rows: Any) -> None:
    admin.run(request, verb, rows[:MAX_ROWS])
