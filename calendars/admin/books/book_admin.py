"""Synchronised address books: what they are for, how far they are, what a person has to decide."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.safestring import SafeString

from calendars.admin.books.book_forms import (
    BookOptionsForm,
    FollowBookForm,
    vendor_groups,
)
from calendars.admin.object_pages import Action, ActionDone, ObjectPagesAdmin
from calendars.contacts import books
from calendars.contacts.snapshot import NAME_PARTS
from calendars.models import ContactBook, ContactConflict
from calendars.models.people import QuarantineDecision
from communications.errors import NotPossible
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.scope import (
    scope_of,
)


def sync_now(_request: HttpRequest, book: ContactBook) -> ActionDone:
    books.request_sync(book)
    return ActionDone("It begins.")


def stop_sync(_request: HttpRequest, book: ContactBook) -> ActionDone:
    books.cancel_sync(book)
    return ActionDone("It stops before the next contact. What was done stays.")


def decide_removals(request: HttpRequest, book: ContactBook) -> ActionDone:
    decision = request.POST.get("decision", "")
    if decision not in QuarantineDecision.values:
        raise Http404
    books.decide_quarantine(book, QuarantineDecision(decision))
    return ActionDone("It is done with the next run.")


def resolve_conflict(request: HttpRequest, book: ContactBook) -> ActionDone:
    number, winner = request.POST.get("conflict", ""), request.POST.get("winner", "")
    rows = ContactConflict.objects.filter(link__book=book)
    row = rows.filter(pk=int(number) if number.isdecimal() else 0).first()
    if row is None or winner not in {"ours", "theirs"}:
        raise Http404
    books.resolve_contact_conflict(row, winner, by=request.user.get_username())
    return ActionDone("Decided. The other side becomes the same with the next run.")


def store_options(request: HttpRequest, book: ContactBook) -> ActionDone:
    known, _ = vendor_groups(book)
    form = BookOptionsForm(request.POST, book=book, known=known)
    if not form.is_valid():
        raise NotPossible(
            " ".join(str(error) for errors in form.errors.values() for error in errors)
        )
    form.store()
    return ActionDone("Saved.")


BOOK_ACTIONS: dict[str, Action] = {
    "now": sync_now,
    "stop": stop_sync,
    "held": decide_removals,
    "conflict": resolve_conflict,
    "options": store_options,
}


@admin.register(ContactBook)
class ContactBookAdmin(ObjectPagesAdmin):
    lookup = "account__organization"
    is_changeable = is_deletable = False
    list_display = ["account", "state", "direction_shown", "progress", "people", "synced"]
    list_display_links = ["account"]
    list_select_related = ["account"]
    fields = ["account"]
    change_form_template = "admin/calendars/contactbook/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactBook]:
        return super().get_queryset(request).select_related("account__organization")

    def get_urls(self) -> list[URLPattern]:
        return [
            *self.action_paths(BOOK_ACTIONS),
            self.view_path("<path:object_id>/progress/", self.progress_view, "progress"),
            *super().get_urls(),
        ]

    # --- the pages ---

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.draw_part(
            request,
            "progress",
            book_context(self.find_row(request, object_id)),
        )

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        self.require(may=self.has_add_permission(request))
        form = FollowBookForm(request.POST or None, scope=scope_of(request))
        if form.is_valid():
            return self.redirect_to(form.follow())
        context = {"title": "Synchronise contacts", "form": form, **(extra_context or {})}
        return self.draw_page(request, "add", context)

    def page_context(self, request: HttpRequest, row: ContactBook) -> dict[str, Any]:
        known, problem = vendor_groups(row)
        return {
            **book_context(row),
            "form": BookOptionsForm(book=row, known=known),
            "problem": problem,
            "sides": ["ours", "theirs"],
            "conflicts": [conflict_row(conflict) for conflict in open_conflicts(row)],
            "unwritten": row.links.living().exclude(error="").select_related("contact")[:20],
            "may_act": self.has_act_permission(request),
        }

    # --- columns ---

    @column("State")
    def state(self, book: ContactBook) -> SafeString:
        return badges.coloured_label(*state_word(book))

    @column("Direction")
    def direction_shown(self, book: ContactBook) -> str:
        return book.get_direction_display()

    @column("Progress")
    def progress(self, book: ContactBook) -> str:
        if not book.stage:
            return "–"
        return f"{book.stage}: {book.done}" + (f" of {book.total}" if book.total else "")

    @column("Contacts")
    def people(self, book: ContactBook) -> str:
        return f"{book.links.living().count():,}"

    @column("Last")
    def synced(self, book: ContactBook) -> str:
        return badges.time_tag(book.last_synced_at)


# Of those who could not be taken over.
MAX_LISTED = 20


def state_word(book: ContactBook) -> tuple[str, str]:
    if book.held_at:
        return "your decision", "danger"
    if book.syncing_until and book.syncing_until > timezone.now():
        return book.stage or "at work", "info"
    if book.error:
        return "trouble", "danger"
    return ("up to date", "success") if book.last_synced_at else ("waits for its turn", "info")


def book_context(book: ContactBook) -> dict[str, Any]:
    is_running = bool(book.syncing_until and book.syncing_until > timezone.now())
    return {
        "book": book,
        "badge": badges.coloured_label(*state_word(book)),
        "is_running": is_running,
        "share": round(100 * book.done / book.total) if book.total else None,
        "linked": book.links.living().count(),
        "unapplied": list(book.unapplied.values())[:MAX_LISTED],
        "outcome": ", ".join(f"{count} {name}" for name, count in book.outcome.items() if count),
        "last": badges.time_tag(book.last_synced_at),
    }


def open_conflicts(book: ContactBook) -> QuerySet[ContactConflict]:
    rows = ContactConflict.objects.filter(link__book=book, decision="")
    return rows.select_related("link__contact")[:50]


def conflict_row(row: ContactConflict) -> dict[str, Any]:
    def said(value: Any) -> str:
        return str(value[0] if row.field == NAME_PARTS and value else value or "–")

    field = "name" if row.field == NAME_PARTS else row.field
    return {"row": row, "field": field, "ours": said(row.ours), "theirs": said(row.theirs)}
