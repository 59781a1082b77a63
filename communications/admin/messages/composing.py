"""The form behind "Compose", and what it says when a message cannot be sent like that."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from communications.admin.messages import typed_templates
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import KeyReused, KeySpent, Refused
from communications.models import (
    Channel,
    Contact,
    Message,
    Organization,
    Priority,
    Template,
)
from communications.providers import registry
from wedsync_comms.lib.admin_kit.scope import (
    Scope,
    ScopedAdmin,
    in_organization_time,
    scope_of,
)

# Fields of a draft that this form has under another name, or not at all.
FIELDS = {"reply_to": "to"}
PREFILLED = ("contact", "channel", "to", "subject")


def moment_input() -> forms.DateTimeInput:
    return forms.DateTimeInput(
        format="%Y-%m-%dT%H:%M",
        attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)},
    )


class TemplateField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return typed_templates.template_label(obj)


class ComposeForm(forms.Form):
    # Makes a second click on "Send" harmless.
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    organization = forms.ModelChoiceField(
        Organization.objects.none(),
        widget=UnfoldAdminSelectWidget,
    )
    channel = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    contact = forms.ModelChoiceField(
        Contact.objects.none(),
        required=False,
        help_text="A contact with an address of this channel; or write an address below.",
    )
    to = forms.CharField(
        label="Address",
        required=False,
        max_length=320,
        widget=UnfoldAdminTextInputWidget,
        help_text="An e-mail address, or a telephone number like +447700900123.",
    )
    allow_unconfirmed = forms.BooleanField(
        label="I am sure of the number",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="Tick it for a number that is refused although it is right.",
    )
    template = TemplateField(
        Template.objects.none(),
        required=False,
        empty_label="None: write the text below",
        widget=UnfoldAdminSelectWidget,
        help_text="WhatsApp takes any text for a day after the person wrote; otherwise one of its "
        "approved ones.",
    )
    values = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What to fill in: a line each, in the order in which the template lists it. Or "
        "by name, like “couple: Ann & Theo”.",
    )
    subject = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="E-mail only.",
    )
    body = forms.CharField(
        label="Text",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
    )
    html = forms.CharField(
        label="HTML",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="E-mail only, beside the text or instead of it.",
    )
    priority = forms.TypedChoiceField(
        choices=Priority.choices,
        coerce=lambda value: Priority(int(value)),
        initial=Priority.NORMAL,
        widget=UnfoldAdminSelectWidget,
    )
    send_at = forms.DateTimeField(
        label="Send at",
        required=False,
        widget=moment_input(),
        help_text="Blank: now.",
    )
    expires_at = forms.DateTimeField(
        label="Give up at",
        required=False,
        widget=moment_input(),
        help_text="What was not sent by then is not sent at all. Blank: never.",
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        fields: dict[str, Any] = self.fields
        if scope.organization:
            del fields["organization"]
        else:
            fields["organization"].queryset = scope.rows(Organization.objects.all(), "pk")
        fields["channel"].choices = [
            (channel.value, channel.label)
            for channel in Channel
            if channel in registry.routed_channels()
        ] or Channel.choices
        fields["template"].queryset = typed_templates.usable_templates(scope)
        contact = fields["contact"]
        contact.queryset = scope.rows(Contact.objects.all())
        contact.widget = AutocompleteSelect(Message._meta.get_field("contact"), admin.site)  # noqa: SLF001
        contact.widget.choices = contact.choices

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get("contact") and self.cleaned_data.get("to"):
            self.add_error("to", "Choose either a contact or an address.")
        template = self.cleaned_data.get("template")
        if template and template.channel != self.cleaned_data.get("channel"):
            channel = template.get_channel_display()
            self.add_error("template", f"This is a template for {channel}: choose that channel.")
        return self.cleaned_data

    def send(self, user: Any) -> Message | None:
        """The stored message; None, and errors on their fields, if it was refused."""
        data = self.cleaned_data
        organization = self.scope.organization or data["organization"]
        try:
            composed = compose_message(
                organization,
                self.draft(),
                idempotency_key=f"admin-{data['key']}",
                created_by=user,
            )
        except Refused as error:
            field = self.named(error.field)
            self.add_error(field if field in self.fields else None, str(error))
        except KeyReused:
            self.add_error(None, "This form was sent before, with another text: open a new one.")
        except KeySpent:
            self.add_error(None, "This form was sent long ago: open a new one.")
        else:
            return composed.message
        return None

    def named(self, field: str) -> str:
        """What the form calls the field of a draft."""
        if field == "variables":
            return "values" if self.cleaned_data["template"] else "body"
        return FIELDS.get(field, field)

    def draft(self) -> Draft:
        data = self.cleaned_data
        template = data["template"]
        written = typed_templates.asked_in_texts([data["subject"], data["body"], data["html"]])
        names = list(dict.fromkeys([*typed_templates.asked_names(template), *written]))
        contact, send_at, expires_at = data["contact"], data["send_at"], data["expires_at"]
        return Draft(
            channel=data["channel"],
            contact=contact.pk if contact else None,
            to=data["to"],
            allow_unconfirmed=data["allow_unconfirmed"],
            template=template.name if template else "",
            language=template.language if template else "",
            variables=typed_templates.typed_values(data["values"], names),
            subject=data["subject"],
            body=data["body"],
            html=data["html"],
            priority=data["priority"],
            send_at=send_at,
            expires_at=expires_at,
        )


class ComposingAdmin(ScopedAdmin):
    """A ModelAdmin whose "add" is to compose."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 (Django's signature)
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return in_organization_time(request, self.compose_view, extra_context or {})

    def compose_view(self, request: HttpRequest, extra_context: dict[str, Any]) -> HttpResponse:
        scope = scope_of(request)
        given = {name: request.GET[name] for name in PREFILLED if name in request.GET}
        form = ComposeForm(request.POST or None, initial=given, scope=scope)
        if form.is_valid() and (message := form.send(request.user)):
            messages.success(request, "Stored, and on its way.")
            return redirect("admin:communications_message_change", message.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Compose",
            "form": form,
            "time_zone": scope.time_zone.key,
            "media": self.media + form.media,
            **extra_context,
        }
        return TemplateResponse(request, "admin/communications/message/compose.html", context)
