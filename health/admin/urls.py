"""Below `/admin/health/`, ahead of the admin's own pages."""

from django.contrib import admin
from django.urls import path

from health.admin import (
    action_views,
    health_page,
)

view = admin.site.admin_view

urlpatterns = [
    path("", view(health_page.health_overview), name="health"),
    path("live/", view(health_page.health_overview_live), name="health-live"),
    path("provider/<slug:slug>/", view(health_page.provider_page), name="health-provider"),
    path(
        "provider/<slug:slug>/live/",
        view(health_page.provider_page_live),
        name="health-provider-live",
    ),
    path("act/<slug:verb>/", view(action_views.perform_action), name="health-act"),
]
