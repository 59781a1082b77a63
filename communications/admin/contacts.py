"""People and their addresses, through the verbs of `communications.contacts`."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import TabularInline
from unfold.forms import PaginationInlineFormSet

from communications import contacts, conversations
from communications.admin import badges, talk
from communications.admin.badges import column
from communications.admin.paging import Capped
from communications.admin.scope import OwnedForm, Scoped, scope_of
from communications.models import Address, Contact, Suppression

RECENT = 12


class AddressForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Address
        fields = ["channel", "value"]


class AddressFormSet(PaginationInlineFormSet):
    """Writes nothing itself: `Contacts.save_formset` hands the addresses to the verb."""

    def clean(self) -> None:
        super().clean()
        seen: set[tuple[str, str]] = set()
        for form in kept(self):
            try:
                self.check(form, seen)
            except contacts.InvalidAddress as error:
                form.add_error("value", str(error))

    def check(self, form: Any, seen: set[tuple[str, str]]) -> None:
        contact, channel = self.instance, form.cleaned_data["channel"]
        if contact.organization_id is None:
            # The contact's own form says that it lacks one.
            return
        value = contacts.normalise(
            channel,
            form.cleaned_data["value"],
            region=contact.organization.region,
        )
        owner = contacts.known(contact.organization, channel=channel, value=value)
        if owner is not None and owner.pk != contact.pk:
            raise contacts.InvalidAddress(f"{value} belongs to {owner} already.")
        if (channel, value) in seen:
            raise contacts.InvalidAddress(f"{value} is there twice.")
        seen.add((channel, value))


def kept(formset: "BaseInlineFormSet[Any, Any, Any]") -> list[Any]:
    """The forms whose addresses the contact is to have."""
    return [
        form
        for form in formset.forms
        if form not in formset.deleted_forms
        and {"channel", "value"} <= set(getattr(form, "cleaned_data", {}))
    ]


class Addresses(TabularInline):
    model = Address
    form = AddressForm
    formset = AddressFormSet
    extra = 0
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return scope_of(request).role is not None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return scope_of(request).role in Contacts.acting

    has_change_permission = has_delete_permission = has_add_permission


class ContactForm(OwnedForm):
    class Meta:
        fields = ["name", "notes"]


@admin.register(Contact)
class Contacts(Capped, Scoped):
    form = ContactForm
    inlines = [Addresses]
    list_display = ["name", "reachable", "since"]
    fields = ["name", "notes"]
    search_fields = ["name", "addresses__value"]
    search_help_text = "Name or address."
    ordering = ["name", "pk"]
    change_form_outer_after_template = "admin/communications/contact/recent.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        return super().get_queryset(request).prefetch_related("addresses")

    @column("Addresses")
    def reachable(self, contact: Contact) -> str:
        return ", ".join(address.value for address in contact.addresses.all()) or "–"

    @column("Since")
    def since(self, contact: Contact) -> str:
        return badges.moment(contact.created_at)

    # --- saved by the verbs ---

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except contacts.InvalidAddress as error:
            # Taken by somebody else between the check and the save, which was rolled back.
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        if change:
            contacts.change(obj, name=obj.name, notes=obj.notes)
            return
        made = contacts.create(obj.organization, name=obj.name, notes=obj.notes, addresses=[])
        vars(obj).update(vars(made))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        # Tells the history what is new, changed and gone; writes nothing.
        formset.save(commit=False)
        if formset.has_changed():
            wanted = [
                (one.cleaned_data["channel"], one.cleaned_data["value"]) for one in kept(formset)
            ]
            contacts.change(form.instance, addresses=wanted)

    # --- the page ---

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        contact = self.get_object(request, unquote(object_id))
        context = {**(extra_context or {}), **(about(contact) if contact else {})}
        context["may_compose"] = self.has_act_permission(request)
        # The live page is an organization's.
        context["is_live"] = scope_of(request).organization is not None
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]


def about(contact: Contact) -> dict[str, Any]:
    addresses = list(contact.addresses.values_list("channel", "value"))
    closed = Suppression.objects.in_force().filter(
        organization=contact.organization_id,
        value__in=[value for _, value in addresses],
    )
    return {
        "contact": contact,
        "bubbles": talk.bubbles(contact, RECENT),
        "ways": [talk.door(contact, way) for way in conversations.ways(contact)],
        "closed": [one for one in closed if (one.channel, one.value) in addresses],
    }
