"""`/admin/health/act/<verb>/?subject=…`: GET asks, POST does it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from communications.errors import NotPossible
from health.admin.confirmations import (
    CONFIRMATIONS,
    ActionRequest,
    Confirmation,
)
from wedsync_comms.lib.admin_kit.scope import scope_of


@require_http_methods(["GET", "HEAD", "POST"])
def perform_action(request: HttpRequest, verb: str) -> HttpResponse:
    confirmation = CONFIRMATIONS.get(verb)
    if confirmation is None:
        raise Http404
    scope = scope_of(request)
    if not confirmation.is_allowed(scope):
        raise PermissionDenied
    form = confirmation.form(request.POST if request.method == "POST" else None)
    given = form.cleaned_data if form.is_valid() else {}
    asked = ActionRequest(scope, request.user, request.GET.get("subject", ""), given)
    if not form.is_valid():
        return render_confirmation(request, confirmation, asked, form)
    try:
        messages.success(request, confirmation.act(asked))
    except NotPossible as why:
        messages.warning(request, str(why))
    return redirect(return_url(request))


def render_confirmation(
    request: HttpRequest, confirmation: Confirmation, asked: ActionRequest, form: Any
) -> HttpResponse:
    context = {
        "title": confirmation.title.format(confirmation.name(asked)),
        "confirmation": confirmation,
        "form": form,
        "action": request.get_full_path(),
        "back": return_url(request),
    }
    if request.headers.get("X-Requested-With") == "fetch":
        return render(request, "admin/health/ask.html", context)
    page = {**admin.site.each_context(request), **context}
    return render(request, "admin/health/ask_page.html", page)


def return_url(request: HttpRequest) -> str:
    """The page of ours the person came from."""
    came = request.POST.get("back") or request.headers.get("Referer", "")
    host = request.get_host()
    is_ours = url_has_allowed_host_and_scheme(came, {host}, require_https=request.is_secure())
    return came if came and is_ours and "/act/" not in came else reverse("health")
