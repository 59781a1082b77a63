"""Templates."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from communications.admin import message_badges
from communications.composing import placeholders, template_choice, template_values
from communications.errors import Refused
from communications.models import Channel, Template
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.scope import (
    OwnedForm,
    ScopedAdmin,
)

# https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates
APPROVALS = {"APPROVED": "success", "PENDING": "info", "IN_APPEAL": "info", "PAUSED": "warning"}
QUALITIES = {"GREEN": "success", "YELLOW": "warning", "RED": "danger"}


class TemplateForm(OwnedForm):
    class Meta:
        fields = ["name", "channel", "language", "subject", "body", "html"]

    def clean_language(self) -> str:
        try:
            return template_choice.check_language(self.cleaned_data["language"])
        except Refused as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("channel") == Channel.WHATSAPP:
            self.add_error("channel", "Those are made at Meta, and appear here once it lists them.")
        for field in ("subject", "body", "html"):
            self.check_text(field, data.get(field) or "")
        others = Template.objects.filter(
            organization=self.owner,
            channel=data.get("channel"),
            name=data.get("name"),
            language=data.get("language", ""),
        )
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "This channel has a template with this name and language.")
        return data

    def check_text(self, field: str, text: str) -> None:
        if self.owner is None:
            return
        try:
            placeholders.check_template_texts(self.owner, {field: text})
        except Refused as error:
            self.add_error(field, str(error))


def is_approved_elsewhere(template: Template | None) -> bool:
    return template is not None and template.channel == Channel.WHATSAPP


@admin.register(Template)
class TemplateAdmin(ScopedAdmin):
    form = TemplateForm
    list_display = ["name", "way", "tongue", "about", "standing", "kind", "rating", "changed"]
    list_filter = [
        ("channel", ChoicesCheckboxFilter),
        ("approval", AllValuesCheckboxFilter),
    ]
    list_filter_submit = True
    search_fields = ["name", "subject"]
    fields = ["name", "channel", "language", "subject", "body", "html"]

    # Those of WhatsApp are made and changed at Meta: what is here is a copy of its list.

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if not is_approved_elsewhere(obj):
            return super().get_fields(request, obj)
        shown = ["name", "channel", "language", "approval", "category", "quality"]
        shown += ["body", "filled_in", "sendable"]
        return ["organization", *shown] if self.shows_organization(request) else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if is_approved_elsewhere(obj):
            return self.get_fields(request, obj)
        return super().get_readonly_fields(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not is_approved_elsewhere(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not is_approved_elsewhere(obj)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        kwargs["help_texts"] = {
            "name": "What the API calls it: letters, digits and hyphens.",
            "body": "Write {{ name }} where a value is to be filled in.",
            "html": "Values are escaped here.",
        }
        return super().get_form(request, *args, **kwargs)

    @column("Subject or text")
    def about(self, template: Template) -> str:
        return badges.clamped_text(template.subject or template.body)

    @column("Language")
    def tongue(self, template: Template) -> str:
        return template.language or "–"

    @admin.display(description="Filled in when it is sent")
    def filled_in(self, template: Template) -> str:
        asked = [v for v in template_values.template_variables(template) if v.name]
        return "; ".join(template_values.described(variable) for variable in asked) or "nothing"

    @admin.display(description="Can be sent")
    def sendable(self, template: Template) -> str:
        return template_choice.unusable_reason(template) or "yes"

    @column("Approval")
    def standing(self, template: Template) -> str:
        if not template.approval:
            return "–"
        return badges.coloured_label(
            template.approval.replace("_", " ").lower(),
            APPROVALS.get(template.approval, "danger"),
        )

    @column("Category")
    def kind(self, template: Template) -> str:
        return template.category.lower() or "–"

    @column("Quality")
    def rating(self, template: Template) -> str:
        if not template.quality:
            return "–"
        return badges.coloured_label(
            template.quality.lower(), QUALITIES.get(template.quality, "default")
        )

    @column("Changed")
    def changed(self, template: Template) -> str:
        return badges.time_tag(template.updated_at)

    @column("Channel")
    def way(self, template: Template) -> str:
        return message_badges.channel_badge(template.channel)
