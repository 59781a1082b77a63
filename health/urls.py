from django.urls import path

from health import views
from health.api import Health

urlpatterns = [
    path("api/health/", Health.as_view(), name="api-health"),
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("metrics", views.prometheus, name="metrics"),
]
