from django.urls import include, path

from calendars.admin.accounts.consent_views import (
    connect_view,
    linked_view,
)
from calendars.subscriptions.webhook_view import CalendarWebhook

urlpatterns = [
    path(
        "api/webhooks/communications/calendar",
        CalendarWebhook.as_view(),
        name="webhook-calendar",
    ),
    path("calendars/connect/<slug:slug>/", connect_view, name="calendar-connect"),
    path("calendars/linked/<slug:slug>/", linked_view, name="calendar-linked"),
    path("api/", include("calendars.api.urls")),
]
