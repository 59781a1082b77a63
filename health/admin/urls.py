"""Below `/admin/health/`, ahead of the admin's own pages."""

from django.contrib import admin
from django.urls import path

from health.admin import acting, page

view = admin.site.admin_view

urlpatterns = [
    path("", view(page.overview), name="health"),
    path("live/", view(page.overview_live), name="health-live"),
    path("provider/<slug:slug>/", view(page.provider), name="health-provider"),
    path("provider/<slug:slug>/live/", view(page.provider_live), name="health-provider-live"),
    path("act/<slug:verb>/", view(acting.act), name="health-act"),
]
