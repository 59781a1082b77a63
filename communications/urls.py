from django.urls import include, path

from communications.pages import (
    unsubscribe_page,
    views,
)
from communications.receiving.webhook_view import ProviderWebhook

urlpatterns = [
    path("", views.overview_page, name="overview"),
    path("conversations/<int:contact>/", views.conversation_page, name="conversation"),
    *(
        path(
            f"api/webhooks/communications/{vendor}",
            ProviderWebhook.as_view(provider=vendor),
            name=f"webhook-{vendor}",
        )
        for vendor in ("resend", "twilio", "whatsapp")
    ),
    path("unsubscribe/<str:token>/", unsubscribe_page.unsubscribe_page, name="unsubscribe"),
    path("api/", include("communications.api.urls")),
]
