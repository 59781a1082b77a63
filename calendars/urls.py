from django.urls import include, path

from calendars.webhooks import CalendarWebhook

urlpatterns = [
    path(
        "api/webhooks/communications/calendar",
        CalendarWebhook.as_view(),
        name="webhook-calendar",
    ),
    path("api/", include("calendars.api.urls")),
]
