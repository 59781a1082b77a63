from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.urls import include, path, re_path, reverse_lazy
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from communications.api.errors import unknown_call

urlpatterns = [
    path("admin/health/", include("health.admin.urls")),
    path("admin/", admin.site.urls),
    path(
        "password/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            success_url=reverse_lazy("overview"), post_reset_login=True
        ),
        name="password_reset_confirm",
    ),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("communications.urls")),
    path("", include("calendars.urls")),
    path("", include("health.urls")),
    re_path("^api/", unknown_call, name="api-unknown"),
]
