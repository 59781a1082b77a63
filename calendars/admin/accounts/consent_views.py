"""The way to a vendor's consent, and back."""

from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from calendars.admin.status_badges import vendor_display_name
from calendars.linking import accounts
from calendars.providers import registry
from communications.models import Organization
from wedsync_comms.lib.admin_kit.roles import ACTING
from wedsync_comms.lib.admin_kit.scope import scope_of
from wedsync_comms.lib.errors import ProviderError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# What was begun and not answered yet, by vendor. It lives in the session of whoever began it.
SESSION_KEY = "linking"


def acting_organization(request: HttpRequest, slug: str) -> Organization:
    if slug not in registry.vendor_slugs():
        raise Http404
    scope = scope_of(request)
    organization: Organization | None = scope.organization
    if organization is None or scope.role not in ACTING:
        raise PermissionDenied
    return organization


def callback_url(slug: str) -> str:
    return settings.PUBLIC_URL + reverse("calendar-linked", args=[slug])


@require_POST
def start_consent(request: HttpRequest, slug: str) -> HttpResponse:
    acting_organization(request, slug)
    try:
        started = accounts.start_linking(slug, callback_url(slug))
    except ProviderError as error:
        messages.error(request, f"{vendor_display_name(slug)} does not answer just now: {error}")
        return redirect("admin:calendars_account_changelist")
    request.session[SESSION_KEY] = {**request.session.get(SESSION_KEY, {}), slug: started.kept}
    return redirect(started.url)


@require_GET
def finish_consent(request: HttpRequest, slug: str) -> HttpResponse:
    """Finishes a consent; an answer counts once, for whoever asked."""
    organization = acting_organization(request, slug)
    begun = dict(request.session.get(SESSION_KEY, {}))
    kept = begun.pop(slug, {})
    request.session[SESSION_KEY] = begun
    user = cast("User", request.user)
    try:
        account = accounts.finish_linking(organization, kept, request.GET.dict(), by=user)
    except accounts.NotLinked as error:
        messages.error(request, str(error))
        return redirect("admin:calendars_account_changelist")
    if account.why:
        messages.warning(request, f"{account.email} is connected. {account.why}")
    else:
        messages.success(
            request,
            f"{account.email} is connected. Its calendars and contacts are being read.",
        )
    return redirect("admin:calendars_account_change", account.pk)


connect_view = admin.site.admin_view(start_consent)
linked_view = admin.site.admin_view(finish_consent)
