"""`/admin/health/`: one page that one likes to keep open, and a page for each provider."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from communications.live import event_stream
from health.admin import (
    model_admins,
    page_context,
    permissions,
)
from health.reporting import summary
from health.vocabulary.readings import (
    ProviderHealth,
    Summary,
)
from wedsync_comms.lib.admin_kit.scope import (
    Scope,
    in_organization_time,
    scope_of,
)

OVERVIEW_TEMPLATE = "admin/health/overview.html"
PROVIDER_TEMPLATE = "admin/health/provider.html"


def health_overview(request: HttpRequest) -> HttpResponse:
    return in_organization_time(
        request, render_page, OVERVIEW_TEMPLATE, reverse("health-live"), "Health", build_overview
    )


def health_overview_live(request: HttpRequest) -> HttpResponse:
    """What the page fetches again whenever something changed."""
    return in_organization_time(request, render_fragment, OVERVIEW_TEMPLATE, build_overview)


def provider_page(request: HttpRequest, slug: str) -> HttpResponse:
    fragment = reverse("health-provider-live", args=[slug])
    return in_organization_time(
        request, render_page, PROVIDER_TEMPLATE, fragment, slug, build_provider, slug
    )


def provider_page_live(request: HttpRequest, slug: str) -> HttpResponse:
    return in_organization_time(request, render_fragment, PROVIDER_TEMPLATE, build_provider, slug)


def render_page(
    request: HttpRequest,
    template: str,
    fragment: str,
    title: str,
    build: Any,
    *args: str,
) -> HttpResponse:
    # Read first: what happens while the rest is read is then fetched again, never left out.
    since = event_stream.last_event_id()
    context = {
        **admin.site.each_context(request),
        **request_context(request, build, *args),
        "title": title,
        "template": template,
        "fragment": fragment,
        "since": since,
    }
    return render(request, "admin/health/page.html", context)


def render_fragment(request: HttpRequest, template: str, build: Any, *args: str) -> HttpResponse:
    return render(request, template, request_context(request, build, *args))


def request_context(request: HttpRequest, build: Any, *args: str) -> dict[str, Any]:
    scope = scope_of(request)
    if scope.role is None:
        raise PermissionDenied
    return {
        **build(scope, *args),
        "is_platform": permissions.sees_all(scope),
        "may_act": permissions.may_act(scope),
        "may_steer": permissions.may_steer_providers(scope),
    }


def build_overview(scope: Scope) -> dict[str, Any]:
    return page_context.overview_context(
        summary.build_summary(permissions.visible_organization(scope)),
        model_admins.answerable_ids(scope),
    )


def build_provider(scope: Scope, slug: str) -> dict[str, Any]:
    found = summary.build_summary(permissions.visible_organization(scope))
    return page_context.provider_context(
        found, provider_or_404(found, slug), model_admins.answerable_ids(scope)
    )


def provider_or_404(found: Summary, slug: str) -> ProviderHealth:
    for health in found.providers:
        if health.provider == slug:
            return health
    raise Http404
