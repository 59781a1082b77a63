"""Whose rows a login may see in the admin, and what its role lets it do with them.

Django's own permission rows play no part: who belongs to an organization sees its rows and no
others, everywhere, because every queryset of every page starts here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.contrib.admin.utils import unquote
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin

from wedsync_comms.lib.admin_kit.roles import ACTING, Role

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Scope:
    """`organization` None: all of them, for platform administrators. `role` None: nothing."""

    # Any: the organizations' model belongs to an app above this one.
    organization: Any
    role: Role | None
    is_platform: bool = False

    @property
    def is_everything(self) -> bool:
        return self.is_platform and self.organization is None

    def rows(self, queryset: QuerySet[M], lookup: str = "organization") -> QuerySet[M]:
        if self.role is None:
            return queryset.none()
        if self.organization is None:
            return queryset
        return queryset.filter(**{lookup: self.organization.pk})

    @property
    def time_zone(self) -> ZoneInfo:
        name = self.organization.time_zone if self.organization else "UTC"
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            # Only what is shown: the settings page must open, so that it can be put right there.
            return ZoneInfo("UTC")


NOTHING = Scope(None, None)
ScopeFinder = Callable[[HttpRequest], Scope]
_finders: list[ScopeFinder] = []


def scope_of(request: HttpRequest) -> Scope:
    """Asked many times for one page, looked up once."""
    found = getattr(request, "admin_scope", None)
    if found is None:
        found = request.admin_scope = find_scope(request)  # type: ignore[attr-defined]
    return found


def register_finder(finder: ScopeFinder) -> ScopeFinder:
    """Names the one function that knows who belongs where; until then, everybody sees nothing."""
    _finders[:] = [finder]
    return finder


def find_scope(request: HttpRequest) -> Scope:
    return _finders[0](request) if _finders else NOTHING


class ScopedAdmin(ModelAdmin):
    """The base of every page of ours."""

    # The lookup from the model to its organization.
    lookup = "organization"
    acting = ACTING
    is_addable = is_changeable = is_deletable = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return scope_of(request).rows(super().get_queryset(request), self.lookup)

    # --- permissions ---

    def has_module_permission(self, request: HttpRequest) -> bool:
        return scope_of(request).role is not None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return self.has_module_permission(request)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return scope_of(request).role in self.acting

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.is_addable and self.has_act_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_changeable and self.has_act_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_deletable and self.has_act_permission(request, obj)

    # --- forms: members never choose the organization, and choose only among its rows ---

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(super().get_fields(request, obj))
        return ["organization", *fields] if self.shows_organization(request) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return ["organization", *fields] if obj and self.shows_organization(request) else fields

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[forms.ModelForm]:  # type: ignore[type-arg]
        form: Any = super().get_form(request, *args, **kwargs)
        form.scope = scope_of(request)
        return form  # type: ignore[no-any-return]

    def formfield_for_foreignkey(
        self,
        db_field: "ForeignKey[Any, Any]",
        request: HttpRequest,
        **kwargs: Any,
    ) -> Any:
        related = self.admin_site.get_model_admin(db_field.remote_field.model)
        kwargs["queryset"] = related.get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # --- lists ---

    def shows_organization(self, request: HttpRequest) -> bool:
        return self.lookup == "organization" and scope_of(request).is_everything

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        return [*columns, "organization"] if self.shows_organization(request) else columns

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = list(super().get_list_filter(request))
        return [*filters, "organization"] if self.shows_organization(request) else filters

    # --- the page of a row ---

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ARG002
        """What the row's page shows besides its form."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        context = extra_context or {}
        if row is not None:
            # Its times are written here, before the page as a whole is.
            with timezone.override(scope_of(request).time_zone):
                context = {**context, **self.page_context(request, row)}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    # --- times are the organization's ---

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return in_organization_time(request, super().changelist_view, *args, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return in_organization_time(request, super().changeform_view, *args, **kwargs)


def in_organization_time(
    request: HttpRequest,
    view: Callable[..., HttpResponse],
    *args: Any,
    **kwargs: Any,
) -> HttpResponse:
    """The view's answer, read and written in the organization's time zone."""
    with timezone.override(scope_of(request).time_zone):
        response = view(request, *args, **kwargs)
        # A template response would be rendered only after the time zone is back.
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


class OwnedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form whose row belongs to the caller's organization, or to the one a platform
    administrator chose."""

    # Set by `ScopedAdmin.get_form`, on a class that belongs to one request.
    scope: Scope

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.instance._state.adding and self.owner:  # noqa: SLF001 (Django documents it)
            self.instance.organization = self.owner
        return self.cleaned_data

    @property
    def owner(self) -> Any:
        if not self.instance._state.adding:  # noqa: SLF001 (the same)
            return self.instance.organization
        return self.scope.organization or self.cleaned_data.get("organization")
