"""Incidents, alerts, failures and who did what: found and read; nothing here is edited."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from health.admin import (
    incident_cards,
    links,
    permissions,
)
from health.admin.filters import IncidentStateFilter, SubjectFilter
from health.models import Action, Alert, Failure, Incident
from health.reporting import summary
from health.vocabulary import remedies
from health.vocabulary.readings import (
    FailureGroup,
    Severity,
)
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import (
    Scope,
    ScopedAdmin,
    scope_of,
)
from wedsync_comms.lib.admin_kit.wording import pretty_json

SEVERITY_LABELS = {Severity.CRITICAL: "danger", Severity.WARNING: "warning"}


def visible_incidents(scope: Scope) -> QuerySet[Incident]:
    """An organization's own, and those of the providers that carry its messages."""
    shared = Q(organization=None) & ~Q(provider="")
    return incidents_of(scope, shared)


def answerable_ids(scope: Scope) -> set[int]:
    """The open ones that they may answer."""
    return set(answerable_incidents(scope).filter(resolved_at=None).values_list("pk", flat=True))


def answerable_incidents(scope: Scope) -> QuerySet[Incident]:
    return incidents_of(scope, Q(pk__in=()))


def incidents_of(scope: Scope, shared: Q) -> QuerySet[Incident]:
    rows = Incident.objects.filter(opened_at__isnull=False)
    if scope.role is None:
        return rows.none()
    organization = permissions.visible_organization(scope)
    return rows.filter(Q(organization=organization) | shared) if organization else rows


class ReadOnlyAdmin(CappedAdmin, ScopedAdmin):
    """Rows that are history: looked at, never changed."""

    is_addable = is_changeable = is_deletable = False
    sortable_by: list[str] = []


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["standing", "severe", "title", "provider", "opened", "resolved", "seen"]
    list_display_links = ["title"]
    list_filter = [IncidentStateFilter, SubjectFilter]
    list_filter_submit = True
    search_fields = ["title", "cause"]
    fields = ["title"]
    change_form_template = "admin/health/incident/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        return visible_incidents(scope_of(request))

    @column("State", label={"open": "danger", "resolved": "success"})
    def standing(self, incident: Incident) -> str:
        return "open" if incident.is_open else "resolved"

    @column("Severity", label=SEVERITY_LABELS)
    def severe(self, incident: Incident) -> tuple[str, str]:
        return incident.severity, incident.get_severity_display()

    @column("Opened")
    def opened(self, incident: Incident) -> SafeString | str:
        return badges.time_tag(incident.opened_at)

    @column("Over")
    def resolved(self, incident: Incident) -> SafeString | str:
        return badges.time_tag(incident.resolved_at)

    @column("Seen")
    def seen(self, incident: Incident) -> SafeString | str:
        return badges.time_tag(incident.acknowledged_at)

    def page_context(self, request: HttpRequest, row: Incident) -> dict[str, Any]:
        return incident_context(request, row)


def incident_context(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    scope = scope_of(request)
    organization = permissions.visible_organization(scope)
    mine = answerable_incidents(scope).filter(pk=incident.pk).exists()
    view = summary.incident_view(incident, organization.pk if organization else None)
    return {
        "incident_card": incident_cards.incident_card(view, {incident.pk} if mine else ()),
        # What everybody's incident was commented with is the platform's.
        "history": incident.history.all() if mine else [],
        "alerts": incident.alerts.all() if permissions.sees_all(scope) else [],
        "may_act": permissions.may_act(scope),
    }


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin):
    list_display = ["what", "provider", "said", "first", "last"]
    list_display_links = ["what"]
    list_filter = [SubjectFilter]
    list_filter_submit = True
    search_fields = ["text", "error_class", "error_code", "provider", "=fingerprint"]
    search_help_text = "A part of the error, its class, its code, or a fingerprint."
    fields = [
        "what",
        "provider",
        "text",
        "remedy",
        "first",
        "last",
        "behind",
        "fingerprint",
        "said_exactly",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Failure]:
        """One set of sums for each organization, and one of all for the platform."""
        scope = scope_of(request)
        if scope.role is None:
            return Failure.objects.none()
        return Failure.objects.filter(organization=permissions.visible_organization(scope))

    def shows_organization(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    @column("Reason")
    def what(self, failure: Failure) -> str:
        return " ".join(filter(None, (failure.error_class, failure.error_code))) or "no class"

    @column("An example")
    def said(self, failure: Failure) -> SafeString | str:
        return badges.clamped_text(failure.text)

    @column("First seen")
    def first(self, failure: Failure) -> SafeString | str:
        return badges.time_tag(failure.first_seen)

    @column("Last seen")
    def last(self, failure: Failure) -> SafeString | str:
        return badges.time_tag(failure.last_seen)

    @column("What a person can do")
    def remedy(self, failure: Failure) -> str:
        return remedies.remedy_for(failure.error_class)

    @column("Messages")
    def behind(self, failure: Failure) -> SafeString:
        return links.text_link(
            links.failed_messages_url(group_of_failure(failure)), "Those of the last 24 hours"
        )

    @column("The last exchange")
    def said_exactly(self, failure: Failure) -> SafeString:
        return links.code_block(pretty_json(failure.exchange))


def group_of_failure(failure: Failure) -> FailureGroup:
    return FailureGroup(
        provider=failure.provider,
        error_class=failure.error_class,
        error_code=failure.error_code,
        count=0,
        text=failure.text,
        first_seen=failure.first_seen,
        last_seen=failure.last_seen,
    )


@admin.register(Action)
class ActionAdmin(ReadOnlyAdmin):
    list_display = ["when", "by_name", "verb", "subject", "why"]
    list_display_links = None
    search_fields = ["by_name", "verb", "subject", "detail"]

    @column("When")
    def when(self, action: Action) -> SafeString | str:
        return badges.time_tag(action.at)

    @column("Detail")
    def why(self, action: Action) -> SafeString | str:
        return badges.clamped_text(action.detail)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["standing", "kind", "about", "channel", "tries", "composed", "problem"]
    list_display_links = None
    lookup = "incident__organization"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return permissions.sees_all(scope_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows = Alert.objects.select_related("incident").order_by("-pk")
        return rows if permissions.sees_all(scope_of(request)) else rows.none()

    @column("State", label={"sent": "success", "waiting": "info", "failing": "danger"})
    def standing(self, alert: Alert) -> str:
        if alert.sent_at is not None:
            return "sent"
        return "failing" if alert.error else "waiting"

    @column("Incident")
    def about(self, alert: Alert) -> SafeString:
        return links.text_link(links.incident_url(alert.incident_id), alert.incident.title)

    @column("Composed")
    def composed(self, alert: Alert) -> SafeString | str:
        return badges.time_tag(alert.created_at)

    @column("Error")
    def problem(self, alert: Alert) -> SafeString | str:
        return badges.clamped_text(alert.error)
