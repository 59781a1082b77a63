"""Files of contacts: given, looked at, told what their columns are, taken or thrown away."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from communications.admin.contacts.contact_files import file_answer
from communications.book.files import (
    csv_tables,
    import_findings,
    importing,
)
from communications.book.files.planning import PlannedAction
from communications.book.files.records import (
    TARGETS,
    Rejected,
)
from communications.errors import NotPossible
from communications.models import Contact, Import, Organization
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import (
    Scope,
    ScopedAdmin,
    scope_of,
)

STATES = {
    Import.State.READING: "info",
    Import.State.WAITING: "warning",
    Import.State.RUNNING: "info",
    Import.State.DONE: "success",
    Import.State.FAILED: "danger",
}
WAITING = (Import.State.WAITING,)
WORDS = {
    PlannedAction.CREATE: ("new", "success"),
    PlannedAction.UPDATE: ("adds to a contact", "info"),
    PlannedAction.NOTHING: ("known already", "default"),
    PlannedAction.REVIEW: ("new, to be judged", "warning"),
    PlannedAction.ERROR: ("cannot be taken", "danger"),
}


class UploadForm(forms.Form):
    organization = forms.ModelChoiceField(
        Organization.objects.none(),
        widget=UnfoldAdminSelectWidget,
    )
    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget,
        help_text="CSV or vCard (.vcf), up to 5 MB without pictures and 10,000 people. Nothing "
        "is taken before you have seen what would happen.",
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        fields: dict[str, Any] = self.fields
        if scope.organization:
            del fields["organization"]
        else:
            fields["organization"].queryset = scope.rows(Organization.objects.all(), "pk")

    def upload(self, by: str) -> Import | None:
        """None, and an error at the file, if it cannot be read."""
        organization = self.scope.organization or self.cleaned_data["organization"]
        given = self.cleaned_data["file"]
        content = given.read(importing.MAX_UPLOAD_BYTES + 1)
        try:
            return importing.upload_file(organization, given.name, content, by=by)
        except Rejected as error:
            self.add_error("file", str(error))
            return None


class ColumnsForm(forms.Form):
    """What each column of the file is."""

    def __init__(self, row: Import, columns: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "– leave out –"), *TARGETS.items()]
        self.columns = columns
        for number, name in enumerate(columns):
            self.fields[f"column-{number}"] = forms.ChoiceField(
                label=name,
                choices=choices,
                required=False,
                initial=row.mapping.get(name, ""),
                widget=UnfoldAdminSelectWidget,
            )

    def mapping(self) -> dict[str, str]:
        return {
            name: self.cleaned_data[f"column-{number}"] for number, name in enumerate(self.columns)
        }


@admin.register(Import)
class ImportAdmin(CappedAdmin, ScopedAdmin):
    is_changeable = is_deletable = False
    list_display = ["filename", "state_shown", "outcome", "created_by", "when"]
    list_display_links = ["filename"]
    fields = ["filename"]
    change_form_template = "admin/communications/import/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "communications_import"
        return [
            path("<path:object_id>/columns/", view(self.columns_view), name=f"{name}_columns"),
            path("<path:object_id>/confirm/", view(self.confirm_view), name=f"{name}_confirm"),
            path("<path:object_id>/discard/", view(self.discard_view), name=f"{name}_discard"),
            path("<path:object_id>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<path:object_id>/errors/", view(self.errors_view), name=f"{name}_errors"),
            *super().get_urls(),
        ]

    # --- the pages ---

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None, scope=scope_of(request))
        if form.is_valid() and (row := form.upload(request.user.get_username())):
            return redirect("admin:communications_import_change", row.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import contacts",
            "form": form,
            "media": self.media + form.media,
            **(extra_context or {}),
        }
        return render(request, "admin/communications/import/upload.html", context)

    def page_context(self, request: HttpRequest, row: Import) -> dict[str, Any]:
        context = {"row": row, "may_act": self.has_act_permission(request)}
        if row.state == Import.State.WAITING:
            return context | preview_context(row)
        return context | progress_context(row)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.own(request, object_id, tuple(Import.State))
        context = {"row": row, "may_act": True} | progress_context(row)
        return render(request, "admin/communications/import/progress.html", context)

    def columns_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.posted(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        columns, _ = csv_tables.read_table(row.content)
        form = ColumnsForm(row, columns, request.POST)
        if form.is_valid():
            try:
                importing.choose_columns(row, form.mapping())
            except NotPossible as why:
                messages.warning(request, str(why))
        return redirect("admin:communications_import_change", row.pk)

    def confirm_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.posted(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        try:
            counts = importing.request_import(
                row,
                by=request.user.get_username(),
                without_errors="without_errors" in request.POST,
            )
        except NotPossible as why:
            messages.warning(request, str(why))
        else:
            if counts is not None:
                messages.success(request, import_report(counts))
        return redirect("admin:communications_import_change", row.pk)

    def discard_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.posted(request, object_id, importing.OPEN_STATES)
        if isinstance(row, HttpResponse):
            return row
        was_running = row.state == Import.State.RUNNING
        try:
            importing.discard_import(row)
        except NotPossible as why:
            messages.warning(request, str(why))
        if was_running:
            return redirect("admin:communications_import_change", row.pk)
        return redirect("admin:communications_import_changelist")

    def errors_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The rows that cannot be taken, as a file to mend: with the reason in a column."""
        row = self.own(request, object_id, tuple(Import.State))
        if not (row.content or row.findings):
            raise Http404
        text = importing.wrong_rows(row)
        return file_answer(text, f"not-taken-{row.pk}.csv", "text/csv")

    def own(
        self, request: HttpRequest, object_id: str, states: tuple[Import.State, ...] = WAITING
    ) -> Import:
        row: Import | None = self.get_object(request, unquote(object_id))
        if row is None or row.state not in states:
            raise Http404
        if not self.has_act_permission(request):
            raise PermissionDenied
        return row

    def posted(
        self, request: HttpRequest, object_id: str, states: tuple[Import.State, ...] = WAITING
    ) -> Import | HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self.own(request, object_id, states)

    # --- columns ---

    @column("State", label=STATES)
    def state_shown(self, row: Import) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @column("What came of it")
    def outcome(self, row: Import) -> str:
        return import_report(row.counts) if row.counts else "–"

    @column("When")
    def when(self, row: Import) -> str:
        return badges.time_tag(row.created_at)


def import_report(counts: dict[str, int]) -> str:
    words = {
        "create": "new",
        "update": "added to",
        "nothing": "known already",
        "review": "new and to be judged",
        "error": "left out",
        "cells": "cell left out" if counts.get("cells") == 1 else "cells left out",
    }
    found = [f"{counts[name]} {word}" for name, word in words.items() if counts.get(name)]
    return f"{', '.join(found) or 'nobody'}."


def preview_context(row: Import) -> dict[str, Any]:
    """Returns what a page shows of a file that waits to be confirmed."""
    findings = row.findings or import_findings.findings_of(importing.preview_import(row).plan)
    columns, rows = importing.read_columns(row)
    form = ColumnsForm(row, columns) if columns else None
    return findings_context(findings) | {
        "columns": form
        and [
            {
                "field": form[f"column-{number}"],
                "samples": [cells[name] for cells in rows[:3] if cells.get(name)],
            }
            for number, name in enumerate(columns)
        ],
    }


def progress_context(row: Import) -> dict[str, Any]:
    """Returns what a page shows of a file that is being worked on, or done with."""
    is_open = row.state in importing.OPEN_STATES
    lines = (row.findings or {}).get("lines", ())
    left_out = [line for line in lines if line["is_incomplete"]]
    return {
        "is_running": is_open and row.state != Import.State.WAITING,
        "remaining": row.total - row.position,
        "outcome": import_report(row.counts) if row.counts else "",
        "left_out": [] if is_open else shown_lines(left_out),
    }


def findings_context(findings: dict[str, Any]) -> dict[str, Any]:
    counts = findings["counts"]
    return {
        "counts": [(badges.coloured_label(*WORDS[action]), counts[action]) for action in WORDS],
        "errors": counts["error"],
        "cells": counts["cells"],
        "taken": findings["rows"] - counts["error"],
        "listed": shown_lines(findings["lines"]),
        "is_cut": findings["rows"] > import_findings.SHOWN,
    }


def shown_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns lines with their badge, and with the contact that they are about."""
    known = Contact.objects.in_bulk([line["contact"] for line in lines if line["contact"]])
    return [
        line
        | {
            "badge": badges.coloured_label(*WORDS[PlannedAction(line["action"])]),
            "contact": known.get(line["contact"]),
        }
        for line in lines
    ]
