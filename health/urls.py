from django.urls import path

from health import views
from health.api import HealthView

urlpatterns = [
    path("api/health/", HealthView.as_view(), name="api-health"),
    path("health/live", views.liveness, name="live"),
    path("health/ready", views.readiness, name="ready"),
    path("metrics", views.prometheus_metrics, name="metrics"),
]
