"""Appointments: listed, shown by the week, booked, changed, cancelled; never deleted."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from calendars.admin.appointments import (
    appointment_page,
    week_feed,
)
from calendars.admin.appointments.appointment_actions import APPOINTMENT_ACTIONS
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
from calendars.admin.object_pages import ObjectPagesAdmin
from calendars.admin.status_badges import appointment_badge
from calendars.models import Appointment
from calendars.models.appointments import AppointmentStatus
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import (
    in_organization_time,
    scope_of,
)

if TYPE_CHECKING:
    pass


@admin.register(Appointment)
class AppointmentAdmin(CappedAdmin, ObjectPagesAdmin):
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
        return [
            self.view_path("week/", self.week_view, "week"),
            self.view_path("week/feed/", self.feed_view, "feed"),
            self.view_path("offers/", self.offers_view, "offers"),
            self.view_path("<path:object_id>/part/", self.part_view, "part"),
            self.view_path("<path:object_id>/edit/", self.edit_view, "edit"),
            *self.action_paths(APPOINTMENT_ACTIONS),
            *super().get_urls(),
        ]

    # --- the week ---

    def week_view(self, request: HttpRequest) -> HttpResponse:
        self.require(may=self.has_view_permission(request))
        scope = scope_of(request)
        context = {
            "title": "Week",
            "zone": scope.time_zone.key,
            "legend": week_feed.calendar_legend(scope),
            "may_book": self.has_act_permission(request) and scope.organization is not None,
        }
        return self.draw_page(request, "week", context)

    def feed_view(self, request: HttpRequest) -> HttpResponse:
        self.require(may=self.has_view_permission(request))
        scope = scope_of(request)
        try:
            start, end = week_feed.requested_span(request, scope.time_zone)
        except week_feed.InvalidSpan as error:
            return JsonResponse({"detail": str(error)}, status=400)
        return JsonResponse(week_feed.week_events(scope, start, end), safe=False)

    def offers_view(self, request: HttpRequest) -> HttpResponse:
        self.require(may=self.has_act_permission(request))
        scope = scope_of(request)
        moved = request.GET.get("moving")
        moving = self.find_row(request, moved) if moved else None
        form = FreeTimesForm(request.GET, scope=scope)
        if not form.is_valid():
            return JsonResponse({"detail": "Choose a calendar, a day and how long."}, status=400)
        return JsonResponse(form.offer(appointment_page.form_zone(scope, moving), moving))

    # --- booked, changed, cancelled ---

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        self.require(may=self.has_add_permission(request))
        return in_organization_time(request, self.book_view)

    def book_view(self, request: HttpRequest) -> HttpResponse:
        scope = scope_of(request)
        form = BookingForm(request.POST or None, initial=prefilled_values(request), scope=scope)
        if form.is_valid() and (appointment := form.book(request.user)):
            self.log_addition(request, appointment, "Booked.")
            messages.success(request, "Booked. The calendar has it in a moment.")
            return self.redirect_to(appointment)
        return self.draw_form(request, form, title="Book an appointment", zone=scope.time_zone.key)

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        appointment = self.find_row(request, object_id)
        self.require(may=self.has_act_permission(request))
        if appointment.status != AppointmentStatus.BOOKED:
            messages.warning(request, "It is cancelled: book a new one.")
            return self.redirect_to(appointment)
        return in_organization_time(request, self.change_form_view, appointment)

    def change_form_view(self, request: HttpRequest, appointment: Appointment) -> HttpResponse:
        form = ChangeForm(request.POST or None, scope=scope_of(request), appointment=appointment)
        if form.is_valid() and form.change(request.user):
            self.log_change(request, appointment, "Changed.")
            messages.success(request, "Changed. The calendar has it in a moment.")
            return self.redirect_to(appointment)
        title = f"Change “{appointment}”"
        return self.draw_form(request, form, title=title, zone=appointment.zone, moving=appointment)

    def draw_form(self, request: HttpRequest, form: Form, **context: Any) -> HttpResponse:
        context |= {"form": form, "media": self.media + form.media}
        return self.draw_page(request, "book", context)

    # --- an appointment ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        appointment = self.find_row(request, object_id)
        context = {"title": str(appointment), **appointment_page.appointment_context(appointment)}
        return self.draw_page(request, "change_form", context)

    def part_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        context = appointment_page.appointment_context(self.find_row(request, object_id))
        return self.draw_part(request, "live", context)

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
