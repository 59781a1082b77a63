from django.urls import path

from calendars.webhooks import CalendarWebhook

urlpatterns = [
    path(
        "api/webhooks/communications/calendar",
        CalendarWebhook.as_view(),
        name="webhook-calendar",
    ),
]
