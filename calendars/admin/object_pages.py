"""What the pages of accounts, appointments and address books share: a row is found within the
login's scope, an action comes by POST, and a page is drawn in the organization's time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from communications.errors import NotPossible, Stale
from wedsync_comms.lib.admin_kit.scope import ScopedAdmin, in_organization_time


@dataclass(frozen=True)
class ActionDone:
    """What staff is told of an action, and what the log keeps of it; blank: nothing."""

    message: str
    log: str = ""


# Returns None, with messages of its own, if nothing was done. Raises NotPossible and Stale.
Action = Callable[[HttpRequest, Any], ActionDone | None]


class ObjectPagesAdmin(ScopedAdmin):
    @property
    def url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def view_path(self, route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        view = self.admin_site.admin_view(view)
        return path(route, view, name=f"{self.url_name}_{name}")

    def action_paths(self, actions: Mapping[str, Action]) -> Iterator[URLPattern]:
        for name, action in actions.items():
            view = partial(self.action_view, action)
            yield self.view_path(f"<path:object_id>/{name}/", view, name)

    def action_view(self, action: Action, request: HttpRequest, object_id: str) -> HttpResponse:
        """Does an action and goes back to the row's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.find_row(request, object_id)
        self.require(may=self.has_act_permission(request))
        try:
            done = action(request, row)
        except (NotPossible, Stale) as error:
            messages.warning(request, str(error))
        else:
            if done:
                messages.success(request, done.message)
            if done and done.log:
                self.log_change(request, row, done.log)
        return self.redirect_to(row)

    def redirect_to(self, row: Any) -> HttpResponse:
        return redirect(f"admin:{self.url_name}_change", row.pk)

    def require(self, *, may: bool) -> None:
        """Raises PermissionDenied unless the login may."""
        if not may:
            raise PermissionDenied

    def find_row(self, request: HttpRequest, object_id: str) -> Any:
        """Returns the row. Raises Http404 where it is none of the login's."""
        self.require(may=self.has_view_permission(request))
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def draw_page(
        self,
        request: HttpRequest,
        name: str,
        context: Mapping[str, Any],
    ) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "may_act": self.has_act_permission(request),
            **context,
        }
        return in_organization_time(request, TemplateResponse, self.template_of(name), whole)

    def draw_part(
        self,
        request: HttpRequest,
        name: str,
        context: Mapping[str, Any],
    ) -> HttpResponse:
        """Draws what a page fetches again while somebody looks at it."""
        whole = {"may_act": self.has_act_permission(request), **context}
        return in_organization_time(request, render, self.template_of(name), whole)

    def template_of(self, name: str) -> str:
        return f"admin/calendars/{self.opts.model_name}/{name}.html"
