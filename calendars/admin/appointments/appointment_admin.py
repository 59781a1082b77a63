"""Appointments: listed, shown by the week, booked, changed, cancelled; never deleted."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from calendars.admin.appointments import (
    appointment_page,
    conflict_actions,
    week_feed,
)
from calendars.admin.appointments.appointment_filters import (
    CalendarFilter,
    TroubleFilter,
    WhenFilter,
)
from calendars.admin.appointments.booking_form import (
    BookingForm,
    prefilled_values,
)
from calendars.admin.appointments.change_form import ChangeForm
from calendars.admin.appointments.free_times import FreeTimesForm
from calendars.admin.status_badges import appointment_badge
from calendars.appointments import rescheduling
from calendars.models import Appointment
from calendars.models.appointments import AppointmentStatus
from communications.errors import NotPossible, Stale
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import (
    ScopedAdmin,
    in_organization_time,
    scope_of,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NAME = "calendars_appointment"


@admin.register(Appointment)
class AppointmentAdmin(CappedAdmin, ScopedAdmin):
    list_display = ["begins", "name", "who", "calendar", "state", "trouble"]
    list_display_links = ["begins", "name"]
    list_select_related = ["calendar"]
    list_filter = [WhenFilter, ("status", ChoicesCheckboxFilter), CalendarFilter, TroubleFilter]
    list_filter_submit = True
    search_fields = ["title", "place", "participants__name", "participants__email"]
    search_help_text = "Title, place or participant."
    sortable_by: list[str] = []
    ordering = ["starts_at", "pk"]
    actions = None
    show_add_link = False
    fields = ["title"]
    is_changeable = is_deletable = False
    change_list_template = "admin/calendars/appointment/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        rows: QuerySet[Appointment] = super().get_queryset(request)
        return rows.exclude(status=AppointmentStatus.HELD).prefetch_related("participants", "links")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("week/", wrap(self.week_view), name=f"{NAME}_week"),
            path("week/feed/", wrap(self.feed_view), name=f"{NAME}_feed"),
            path("offers/", wrap(self.offers_view), name=f"{NAME}_offers"),
            path("<path:object_id>/part/", wrap(self.part_view), name=f"{NAME}_part"),
            path("<path:object_id>/edit/", wrap(self.edit_view), name=f"{NAME}_edit"),
            path("<path:object_id>/cancel/", wrap(self.cancel_view), name=f"{NAME}_cancel"),
            *self.ways(),
            *super().get_urls(),
        ]

    def ways(self) -> Iterator[URLPattern]:
        for name, how in conflict_actions.CONFLICT_ACTIONS.items():
            view = self.admin_site.admin_view(partial(self.settle_view, how))
            yield path(f"<path:object_id>/{name}/", view, name=f"{NAME}_{name}")

    def found(self, request: HttpRequest, object_id: str) -> Appointment:
        self.must(may=self.has_view_permission(request))
        appointment = self.get_object(request, unquote(object_id))
        if appointment is None:
            raise Http404
        return appointment  # type: ignore[no-any-return]

    def must(self, *, may: bool) -> None:
        if not may:
            raise PermissionDenied

    def drawn(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "may_act": self.has_act_permission(request),
            **context,
        }
        return TemplateResponse(request, f"admin/calendars/appointment/{template}", whole)

    # --- the week ---

    def week_view(self, request: HttpRequest) -> HttpResponse:
        self.must(may=self.has_view_permission(request))
        scope = scope_of(request)
        context = {
            "title": "Week",
            "zone": scope.time_zone.key,
            "legend": week_feed.calendar_legend(scope),
            "may_book": self.has_act_permission(request) and scope.organization is not None,
        }
        return in_organization_time(request, self.drawn, "week.html", context)

    def feed_view(self, request: HttpRequest) -> HttpResponse:
        self.must(may=self.has_view_permission(request))
        scope = scope_of(request)
        try:
            start, end = week_feed.requested_span(request, scope.time_zone)
        except week_feed.InvalidSpan as error:
            return JsonResponse({"detail": str(error)}, status=400)
        return JsonResponse(week_feed.week_events(scope, start, end), safe=False)

    def offers_view(self, request: HttpRequest) -> HttpResponse:
        self.must(may=self.has_act_permission(request))
        scope = scope_of(request)
        moved = request.GET.get("moving")
        moving = self.found(request, moved) if moved else None
        form = FreeTimesForm(request.GET, scope=scope)
        if not form.is_valid():
            return JsonResponse({"detail": "Choose a calendar, a day and how long."}, status=400)
        return JsonResponse(form.offer(appointment_page.form_zone(scope, moving), moving))

    # --- booked, changed, cancelled ---

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        self.must(may=self.has_add_permission(request))
        return in_organization_time(request, self.book_view)

    def book_view(self, request: HttpRequest) -> HttpResponse:
        scope = scope_of(request)
        form = BookingForm(request.POST or None, initial=prefilled_values(request), scope=scope)
        if form.is_valid() and (made := form.book(request.user)):
            self.log_addition(request, made, "Booked.")
            messages.success(request, "Booked. The calendar has it in a moment.")
            return redirect(f"admin:{NAME}_change", made.pk)
        return self.asked(request, form, title="Book an appointment", zone=scope.time_zone.key)

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self.found(request, object_id)
        self.must(may=self.has_act_permission(request))
        if appointment.status != AppointmentStatus.BOOKED:
            messages.warning(request, "It is cancelled: book a new one.")
            return redirect(f"admin:{NAME}_change", appointment.pk)
        return in_organization_time(request, self.change_form_view, appointment)

    def change_form_view(self, request: HttpRequest, appointment: Appointment) -> HttpResponse:
        form = ChangeForm(request.POST or None, scope=scope_of(request), appointment=appointment)
        if form.is_valid() and form.change(request.user):
            self.log_change(request, appointment, "Changed.")
            messages.success(request, "Changed. The calendar has it in a moment.")
            return redirect(f"admin:{NAME}_change", appointment.pk)
        title = f"Change “{appointment}”"
        return self.asked(request, form, title=title, zone=appointment.zone, moving=appointment)

    def asked(self, request: HttpRequest, form: Form, **context: Any) -> HttpResponse:
        context |= {"form": form, "media": self.media + form.media}
        return self.drawn(request, "book.html", context)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        appointment = self.found(request, object_id)
        self.must(may=self.has_act_permission(request))
        try:
            rescheduling.cancel_appointment(appointment, by=cast("User", request.user))
        except (NotPossible, Stale) as error:
            messages.warning(request, str(error))
        else:
            self.log_change(request, appointment, "Cancelled.")
            messages.success(request, "Cancelled. Everybody who takes part is told.")
        return redirect(f"admin:{NAME}_change", appointment.pk)

    def settle_view(
        self, how: conflict_actions.ConflictAction, request: HttpRequest, object_id: str
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        appointment = self.found(request, object_id)
        self.must(may=self.has_act_permission(request))
        if written_down := how(request, appointment):
            self.log_change(request, appointment, written_down)
        return redirect(f"admin:{NAME}_change", appointment.pk)

    # --- one ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        appointment = self.found(request, object_id)
        return in_organization_time(request, partial(self.show_view, appointment=appointment))

    def show_view(self, request: HttpRequest, *, appointment: Appointment) -> HttpResponse:
        context = {"title": str(appointment), **appointment_page.appointment_context(appointment)}
        return self.drawn(request, "change_form.html", context)

    def part_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the page fetches again while somebody looks at it."""
        context = {
            **appointment_page.appointment_context(self.found(request, object_id)),
            "may_act": self.has_act_permission(request),
        }
        template = "admin/calendars/appointment/live.html"
        return in_organization_time(request, render, template, context)

    # --- columns ---

    @column("When")
    def begins(self, appointment: Appointment) -> str:
        # In one line, however long the titles are.
        return appointment_page.day_and_time(appointment).replace(" ", "\N{NO-BREAK SPACE}")

    @column("Title")
    def name(self, appointment: Appointment) -> str:
        return badges.clamped_text(appointment.title)

    @column("With")
    def who(self, appointment: Appointment) -> str:
        return badges.clamped_text(week_feed.participants_text(appointment))

    @column("Status")
    def state(self, appointment: Appointment) -> str:
        return appointment_badge(appointment)

    @column("Problem")
    def trouble(self, appointment: Appointment) -> str:
        return badges.clamped_text(appointment.trouble)
