"""What is nobody's organization's: logins, API tokens, background tasks. Platform administrators
only, whatever Django's permission rows say."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm


class PlatformOnly:
    """Before the original admin: what that forbids stays forbidden."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request) and bool(super().has_add_permission(request))  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)  # type: ignore[misc]
        return self.has_module_permission(request) and allowed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]
        return self.has_module_permission(request) and allowed


def restrict_to_platform(model: Any) -> None:
    """Registers the model's own admin again, in our looks and for platform administrators."""
    theirs = type(admin.site.get_model_admin(model))
    admin.site.unregister(model)
    admin.site.register(model, type(theirs.__name__, (PlatformOnly, theirs, ModelAdmin), {}))


for model in (Schedule, Success, Failure, OrmQ, TokenProxy):
    restrict_to_platform(model)

# Permissions come from the membership's role: groups would only mislead.
admin.site.unregister(Group)
admin.site.unregister(User)


@admin.register(User)
class PlatformUserAdmin(PlatformOnly, UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "membership", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_superuser", "is_active"]
    list_select_related = ["membership__organization"]
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
