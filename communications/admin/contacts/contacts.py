"""People and their addresses, written through `communications.book.contacts`."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import TabularInline

from communications.admin.contacts import contact_page
from communications.admin.contacts.contact_files import ContactFilesAdmin
from communications.admin.contacts.contact_form import (
    AddressForm,
    AddressFormSet,
    ContactForm,
    form_entries,
)
from communications.admin.filters import PartFilter, ReviewFilter
from communications.admin.row_actions import RowAction
from communications.book import contacts, search
from communications.book.facts import FACTS
from communications.book.history import Cause
from communications.errors import InvalidAddress, NotPossible
from communications.models import Address, Contact, Origin, Pair, Verdict
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin
from wedsync_comms.lib.admin_kit.scope import scope_of


class AddressInline(TabularInline):
    model = Address
    form = AddressForm
    formset = AddressFormSet
    extra = 0
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return scope_of(request).role is not None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return scope_of(request).role in ContactAdmin.acting

    has_change_permission = has_delete_permission = has_add_permission


def staff_cause(user: Any) -> Cause:
    return Cause(Origin.STAFF, user.get_username())


def mark_reviewed(contact: Contact, user: Any) -> None:
    if not contact.to_review:
        raise NotPossible("Somebody looked at it already.")
    contacts.change_contact(contact, to_review=False, cause=staff_cause(user))


@admin.register(Contact)
class ContactAdmin(CappedAdmin, ContactFilesAdmin):
    form = ContactForm
    inlines = [AddressInline]
    list_display = ["name", "parts", "reachable", "tags", "state", "since"]
    list_filter = [PartFilter, ReviewFilter]
    list_filter_submit = True
    fieldsets = [
        (None, {"fields": ["name", ("given_name", "family_name"), "company"]}),
        ("Weddings", {"fields": ["roles", "weddings"]}),
        ("Reaching them", {"fields": [("language", "time_zone"), "preferred_channel"]}),
        ("More", {"fields": ["notes", "custom"]}),
    ]
    search_fields = ["name"]
    search_help_text = "Name, nickname, company, wedding, or a part of an address."
    ordering = ["name", "pk"]
    change_list_template = "admin/communications/contact/change_list.html"
    change_form_outer_before_template = "admin/communications/contact/before.html"
    change_form_outer_after_template = "admin/communications/contact/after.html"
    row_actions = (
        RowAction(
            name="looked_at",
            label="Looks right",
            icon="check",
            past="Looked at",
            act=mark_reviewed,
            is_possible=lambda contact: contact.to_review,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        return super().get_queryset(request).prefetch_related("addresses")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        found = list(self.fieldsets or ())
        whose = [(None, {"fields": ["organization"]})]
        return [*whose, *found] if self.shows_organization(request) else found

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002 (Django's signature)
        queryset: QuerySet[Contact],
        search_term: str,
    ) -> tuple[QuerySet[Contact], bool]:
        return search.search_contacts(queryset, search_term), False

    # --- columns ---

    @column("Roles")
    def parts(self, contact: Contact) -> str:
        return ", ".join(contact.roles) or "–"

    @column("Addresses")
    def reachable(self, contact: Contact) -> str:
        values = dict.fromkeys(address.value for address in contact.addresses.all())
        return badges.clamped_text(", ".join(values))

    @column("Weddings")
    def tags(self, contact: Contact) -> str:
        return badges.clamped_text(", ".join(contact.weddings))

    @column("State", label={"new": "warning", "known": "default"})
    def state(self, contact: Contact) -> tuple[str, str]:
        return ("new", "to review") if contact.to_review else ("known", "known")

    @column("Since")
    def since(self, contact: Contact) -> str:
        return badges.time_tag(contact.created_at)

    # --- saved by communications.book ---

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except InvalidAddress as error:
            # Taken by somebody else between the check and the save, which was rolled back.
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:  # noqa: FBT001
        given = {name: form.cleaned_data[name] for name in FACTS if name in form.cleaned_data}
        if change:
            contacts.change_contact(obj, cause=staff_cause(request.user), to_review=False, **given)
            return
        made = contacts.create_contact(
            obj.organization, cause=staff_cause(request.user), addresses=[], **given
        )
        vars(obj).update(vars(made))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        # Tells the history what is new, changed and gone; writes nothing.
        formset.save(commit=False)
        if formset.has_changed():
            wanted = form_entries(formset)
            contacts.change_contact(
                form.instance, addresses=wanted, cause=staff_cause(request.user)
            )

    # --- the pages ---

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        pairs = scope_of(request).rows(Pair.objects.filter(verdict=Verdict.OPEN))
        extra = {
            "to_decide": pairs.filter(one__merged_at=None, other__merged_at=None).count(),
            "may_act": self.has_act_permission(request),
        }
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **extra}
        return super().changelist_view(request, *args, **kwargs)

    def page_context(self, request: HttpRequest, row: Contact) -> dict[str, Any]:
        return {
            **super().page_context(request, row),
            **contact_page.contact_context(request, row),
            "may_compose": self.has_act_permission(request),
            # The live page is an organization's.
            "is_live": scope_of(request).organization is not None,
        }
