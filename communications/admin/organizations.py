"""The organization's settings and its members: for its owners."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import transaction
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.widgets import UnfoldAdminPasswordToggleWidget, UnfoldAdminTextInputWidget

from communications.admin.keeping import KEEP_FIELDS, KeepingForm
from communications.book import contacts
from communications.composing import template_choice
from communications.errors import Refused
from communications.models import Membership, Organization, SenderStanding
from communications.policy import sender_holds, senders
from communications.providers import registry
from communications.vocabulary import email_addresses
from communications.vocabulary.consent.consent_phrases import (
    MESSAGE_WORDS,
    STOPPING_WORDS,
)
from communications.vocabulary.consent.consent_words import (
    AMBIGUOUS_OPT_OUT_WORDS,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
)
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.roles import OWNING
from wedsync_comms.lib.admin_kit.scope import OwnedForm, ScopedAdmin, scope_of


class LanguagesField(forms.CharField):
    """A list, written with commas."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        listed = value if isinstance(value, list) else (value or "").split(",")
        try:
            return [template_choice.check_language(tag) for tag in listed if tag.strip()]
        except Refused as error:
            raise forms.ValidationError(str(error)) from error


class OrganizationForm(KeepingForm):
    languages = LanguagesField(
        required=False,
        help_text="Those it writes in, the first one first, like “en, de”. They choose between a "
        "template’s languages where the contact’s is not among them.",
    )

    def clean_email_from(self) -> str:
        value: str = self.cleaned_data["email_from"]
        if not value:
            return value
        if problem := email_addresses.sender_problem(value):
            raise forms.ValidationError(problem)
        address = contacts.normalise_email(contacts.bare_address(value))
        # Replies find an organization by this address: nobody takes another's.
        others = Organization.objects.exclude(pk=self.instance.pk).values_list("email_from")
        if address.casefold() in {contacts.bare_address(other).casefold() for (other,) in others}:
            raise forms.ValidationError(f"{address} belongs to another organization.")
        return email_addresses.sender_header(value)

    def clean_sms_from(self) -> str:
        return self.own_sender("sms_from")

    def clean_whatsapp_from(self) -> str:
        return self.own_sender("whatsapp_from")

    def own_sender(self, name: str) -> str:
        """Replies find an organization by its sender, so it is nobody else's."""
        value: str = self.cleaned_data[name].strip()
        others = Organization.objects.exclude(pk=self.instance.pk)
        if value and others.filter(**{name: value}).exists():
            raise forms.ValidationError(f"{value} belongs to another organization.")
        return value

    def clean_time_zone(self) -> str:
        value: str = self.cleaned_data["time_zone"]
        if value not in available_timezones():
            raise forms.ValidationError(f"“{value}” is no time zone: write it like Europe/London.")
        return value

    def clean_region(self) -> str:
        value: str = self.cleaned_data["region"].upper()
        if value not in phonenumbers.SUPPORTED_REGIONS:
            raise forms.ValidationError(f"“{value}” is no country: write it like GB.")
        return value


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    lookup = "pk"
    acting = OWNING
    is_deletable = False
    form = OrganizationForm
    list_display = ["name", "email_from", "time_zone", "region"]
    search_fields = ["name", "slug"]
    fields = [
        "name",
        "slug",
        "email_from",
        "sms_from",
        "whatsapp_from",
        "refused_senders",
        "time_zone",
        "region",
        "languages",
        ("quiet_from", "quiet_until"),
        "opt_out_words",
        "opt_in_words",
        *KEEP_FIELDS,
        "known_words",
        "known_phrases",
        "known_opt_in_words",
        "provider_lists",
    ]
    readonly_fields = [
        "known_words",
        "known_phrases",
        "known_opt_in_words",
        "provider_lists",
        "refused_senders",
    ]

    @admin.display(description="Opt-out words heard by default")
    def known_words(self, _organization: Organization) -> str:
        """The tables of all languages, for owners to look up before they add to them."""
        return word_table(
            {
                language: (*words, *AMBIGUOUS_OPT_OUT_WORDS.get(language, ()))
                for language, words in OPT_OUT_WORDS.items()
            }
        )

    @admin.display(description="Opt-out phrases heard by default")
    def known_phrases(self, _organization: Organization) -> str:
        """The words that refuse messages together: one of the first with one of the second."""
        return word_table(
            {
                language: (f"{', '.join(words)} – with – {', '.join(MESSAGE_WORDS[language])}",)
                for language, words in STOPPING_WORDS.items()
            }
        )

    @admin.display(description="Opt-in words heard by default")
    def known_opt_in_words(self, _organization: Organization) -> str:
        return word_table(OPT_IN_WORDS)

    @admin.display(description="Lists that providers keep")
    def provider_lists(self, _organization: Organization) -> str:
        """What a provider does about consent by itself, and what it is not told."""
        slugs = [slug for way in registry.routed_channels() for slug in registry.route_slugs(way)]
        known = dict.fromkeys(registry.provider_for(slug).own_list for slug in slugs)
        return format_html_join("", "<p>{}</p>", ((text,) for text in known if text)) or "–"

    @admin.display(description="Refused by providers")
    def refused_senders(self, organization: Organization) -> str:
        """Which of its senders is closed where, and why. Saving the page has each tried at once."""
        rows = SenderStanding.objects.closed().filter(organization=organization)
        return (
            format_html_join(
                "",
                "<p>{}</p>",
                ((sender_holds.refusal_of(row),) for row in rows.order_by("provider")),
            )
            or "–"
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return scope_of(request).is_everything

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_fields(request, obj)
        if scope_of(request).is_platform:
            # How accounts are shared is the business of who runs them, and of no owner.
            fields.insert(fields.index("time_zone"), "sending_weight")
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        if not scope_of(request).is_everything:
            # Numbers belong to the installation's accounts, and are given out by who runs it.
            fields = [*fields, "sms_from", "whatsapp_from"]
        return [*fields, "slug"] if obj else fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        senders.reopen_senders(obj)


def word_table(words: Mapping[str, Sequence[str]]) -> str:
    """Returns words by language, a paragraph each."""
    return format_html_join(
        "",
        "<p><strong>{}</strong>: {}</p>",
        ((language.upper(), ", ".join(listed)) for language, listed in words.items()),
    )


class NewMemberForm(OwnedForm):
    """Makes the login as well, so that nobody has to be found among other organizations' people."""

    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=UnfoldAdminTextInputWidget,
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    password = forms.CharField(
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
        help_text="Give it to the new member, who can change it after logging in.",
    )

    class Meta:
        fields = ["role"]

    def clean_username(self) -> str:
        value: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=value).exists():
            raise forms.ValidationError("This name is taken: choose another one.")
        return value

    def clean_password(self) -> str:
        value: str = self.cleaned_data["password"]
        validate_password(value)
        return value


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    acting = OWNING
    actions = None
    list_display = ["user", "email", "role", "last_login"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__username", "user__email"]
    ordering = ["user__username"]
    fields = ["user", "role"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewMemberForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is not None:
            return super().get_fields(request, obj)
        fields = ["username", "email", "password", "role"]
        return ["organization", *fields] if self.shows_organization(request) else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return [*fields, "user"] if obj else fields

    # Owners change and remove others but not themselves, so there is always one left.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not is_self(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_self(request, obj)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:  # noqa: FBT001
        if change:
            super().save_model(request, obj, form, change)
            return
        data = form.cleaned_data
        with transaction.atomic():
            obj.user = User.objects.create_user(
                data["username"],
                data["email"],
                data["password"],
                is_staff=True,
            )
            super().save_model(request, obj, form, change)

    @column("E-mail address")
    def email(self, membership: Membership) -> str:
        return membership.user.email or "–"

    @column("Last login")
    def last_login(self, membership: Membership) -> str:
        return badges.time_tag(membership.user.last_login)


def is_self(request: HttpRequest, obj: Membership | None) -> bool:
    return obj is not None and obj.user_id == request.user.pk
