"""`/admin/health/`: one page that one likes to keep open, and a page for each provider."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from communications.live import event_stream
from health.admin import records, rights, shown
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

OVERVIEW = "admin/health/overview.html"
PROVIDER = "admin/health/provider.html"


def overview(request: HttpRequest) -> HttpResponse:
    return in_organization_time(request, page, OVERVIEW, reverse("health-live"), "Health", of_all)


def overview_live(request: HttpRequest) -> HttpResponse:
    """What the page fetches again whenever something changed."""
    return in_organization_time(request, part, OVERVIEW, of_all)


def provider(request: HttpRequest, slug: str) -> HttpResponse:
    fragment = reverse("health-provider-live", args=[slug])
    return in_organization_time(request, page, PROVIDER, fragment, slug, of_one, slug)


def provider_live(request: HttpRequest, slug: str) -> HttpResponse:
    return in_organization_time(request, part, PROVIDER, of_one, slug)


def page(
    request: HttpRequest,
    template: str,
    fragment: str,
    title: str,
    look: Any,
    *args: str,
) -> HttpResponse:
    # Read first: what happens while the rest is read is then fetched again, never left out.
    since = event_stream.last_id()
    context = {
        **admin.site.each_context(request),
        **seen(request, look, *args),
        "title": title,
        "template": template,
        "fragment": fragment,
        "since": since,
    }
    return render(request, "admin/health/page.html", context)


def part(request: HttpRequest, template: str, look: Any, *args: str) -> HttpResponse:
    return render(request, template, seen(request, look, *args))


def seen(request: HttpRequest, look: Any, *args: str) -> dict[str, Any]:
    scope = scope_of(request)
    if scope.role is None:
        raise PermissionDenied
    return {
        **look(scope, *args),
        "is_platform": rights.sees_all(scope),
        "may_act": rights.may_act(scope),
        "may_steer": rights.may_steer(scope),
    }


def of_all(scope: Scope) -> dict[str, Any]:
    return shown.of(summary.build(rights.viewpoint(scope)), records.theirs(scope))


def of_one(scope: Scope, slug: str) -> dict[str, Any]:
    found = summary.build(rights.viewpoint(scope))
    return shown.of_provider(found, named(found, slug), records.theirs(scope))


def named(found: Summary, slug: str) -> ProviderHealth:
    for one in found.providers:
        if one.provider == slug:
            return one
    raise Http404
