"""The form of a contact: what it holds as rows and lists, as people type it."""

from typing import Any, ClassVar

from django import forms
from django.forms.models import BaseInlineFormSet
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from communications.book import contacts, facts, typed_addresses
from communications.errors import InvalidAddress, Refused
from communications.models import Address, Part
from wedsync_comms.lib.admin_kit.scope import OwnedForm


class TagsField(forms.CharField):
    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return "; ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        return [tag.strip() for tag in (value or "").split(";") if tag.strip()]


class PairsField(forms.CharField):
    """A custom field a line, like “table: 7”."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}: {entry}" for name, entry in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        found = {}
        for line in filter(None, map(str.strip, (value or "").splitlines())):
            name, colon, rest = line.partition(":")
            if not colon:
                raise forms.ValidationError(f"Write “{line}” like “table: 7”.")
            found[name.strip()] = rest.strip()
        return found


class ContactForm(OwnedForm):
    name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="As it is shown. Blank: made of the given and the family name.",
    )
    roles = forms.MultipleChoiceField(
        required=False,
        choices=Part.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    weddings = TagsField(required=False, help_text="Separated by semicolons.")
    custom = PairsField(
        label="Custom fields",
        required=False,
        help_text="One a line, like “table: 7”.",
    )

    class Meta:
        fields = facts.FACTS
        widgets: ClassVar[dict[str, Any]] = {"notes": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for name in facts.FACTS:
            if name in data:
                try:
                    data |= facts.checked_facts({name: data[name]})
                except Refused as error:
                    self.add_error(name, str(error))
        data["custom"] = self.with_types(data.get("custom") or {})
        if not any(data.get(name) for name in ("name", "given_name", "family_name", "company")):
            self.add_error("name", "Give a name: one is enough.")
        return data

    def with_types(self, typed: dict[str, Any]) -> dict[str, Any]:
        """What was not touched stays the number, or the truth value, that it was."""
        had = self.initial.get("custom") or {}
        return {
            name: had[name] if name in had and str(had[name]) == value else value
            for name, value in typed.items()
        }


class AddressForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Address
        fields = ["channel", "value", "label", "is_primary", "is_confirmed"]


class AddressFormSet(PaginationInlineFormSet):
    """Writes nothing itself: `Contacts.save_formset` hands the addresses to `change_contact`."""

    def clean(self) -> None:
        super().clean()
        seen: set[tuple[str, str]] = set()
        for form in kept_forms(self):
            try:
                self.check(form, seen)
            except InvalidAddress as error:
                form.add_error("value", str(error))

    def check(self, form: Any, seen: set[tuple[str, str]]) -> None:
        contact, channel = self.instance, form.cleaned_data["channel"]
        if contact.organization_id is None:
            # The contact's own form says that it lacks one.
            return
        [entry] = typed_addresses.typed_entries(
            contact.organization,
            [form_entry(form.cleaned_data)],
            contact=contact if contact.pk else None,
        )
        value = entry.value
        owner = contacts.contact_by_address(contact.organization, channel=channel, value=value)
        if owner is not None and owner.pk != contact.pk:
            raise InvalidAddress(f"{value} belongs to {owner} already.")
        if (channel, value) in seen:
            raise InvalidAddress(f"{value} is there twice.")
        seen.add((channel, value))


def kept_forms(formset: "BaseInlineFormSet[Any, Any, Any]") -> list[Any]:
    """The forms whose addresses the contact is to have."""
    return [
        form
        for form in formset.forms
        if form not in formset.deleted_forms
        and {"channel", "value"} <= set(getattr(form, "cleaned_data", {}))
    ]


def form_entries(formset: "BaseInlineFormSet[Any, Any, Any]") -> list[contacts.AddressEntry]:
    return [form_entry(form.cleaned_data) for form in kept_forms(formset)]


def form_entry(data: dict[str, Any]) -> contacts.AddressEntry:
    return contacts.AddressEntry(
        data["channel"],
        data["value"],
        data.get("label") or "",
        bool(data.get("is_primary")),
        bool(data.get("is_confirmed")),
    )
