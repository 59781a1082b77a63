"""What leaves with a contact, and what is taken back: files, forgetting, undone merges."""

import json

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from communications.admin.row_actions import RowActionsAdmin
from communications.book import (
    erasure,
    unmerge,
)
from communications.book.files import exporting
from communications.errors import NotPossible
from communications.models import Contact

EXPORTED = 10_000


class ContactFilesAdmin(RowActionsAdmin):
    """For the ModelAdmin of contacts."""

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "communications_contact"
        return [
            path("export/<str:kind>/", view(self.export_view), name=f"{name}_export"),
            path(
                "<path:object_id>/everything/",
                view(self.everything_view),
                name=f"{name}_everything",
            ),
            path("<path:object_id>/forget/", view(self.forget_view), name=f"{name}_forget"),
            path("<path:object_id>/unmerge/", view(self.unmerge_view), name=f"{name}_unmerge"),
            *super().get_urls(),
        ]

    def own(self, request: HttpRequest, object_id: str) -> Contact:
        contact: Contact | None = self.get_object(request, unquote(object_id))
        if contact is None:
            raise Http404
        if not self.has_act_permission(request):
            raise PermissionDenied
        return contact

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        if kind not in {"csv", "vcf"}:
            raise Http404
        if not self.has_act_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request)[:EXPORTED]
        text = (
            exporting.contacts_as_csv(rows) if kind == "csv" else exporting.contacts_as_vcards(rows)
        )
        return file_answer(text, f"contacts.{kind}", f"text/{'csv' if kind == 'csv' else 'vcard'}")

    def everything_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.own(request, object_id)
        text = json.dumps(exporting.everything_about(contact), cls=DjangoJSONEncoder, indent=2)
        return file_answer(text, f"contact-{contact.pk}.json", "application/json")

    def forget_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.own(request, object_id)
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Forget a person",
                "contact": contact,
            }
            return render(request, "admin/communications/contact/forget.html", context)
        count = erasure.erase_contact(contact, by=request.user.get_username())
        messages.success(request, f"Forgotten. The contents of {count} messages are gone.")
        return redirect("admin:communications_contact_changelist")

    def unmerge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        contact = self.own(request, object_id)
        number = request.POST.get("merge", "")
        merge = contact.merges.filter(pk=int(number) if number.isdecimal() else 0).first()
        if request.method != "POST" or merge is None:
            raise Http404
        try:
            back = unmerge.undo_merge(merge, by=request.user.get_username())
        except NotPossible as why:
            messages.warning(request, str(why))
        else:
            messages.success(request, f"{back} is a contact of its own again.")
        return redirect("admin:communications_contact_change", contact.pk)


def file_answer(text: str, filename: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type=f"{content_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
