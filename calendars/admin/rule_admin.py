"""What follows from a change: for the organization's owners."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from calendars.models import ParticipantRole, Rule
from calendars.notifications import send
from communications.models import Template
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.roles import OWNING
from wedsync_comms.lib.admin_kit.scope import OwnedForm, ScopedAdmin


class RuleForm(OwnedForm):
    roles = forms.MultipleChoiceField(
        label="Who is told",
        choices=ParticipantRole.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Nobody ticked: everybody who takes part.",
    )
    fallback = forms.ModelMultipleChoiceField(
        Template.objects.none(),
        label="Otherwise",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="For people who have no address on the template’s channel.",
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "occasion",
            "hours_before",
            "roles",
            "template",
            "fallback",
            "quiet_seconds",
            "quiet_from",
            "quiet_until",
            "is_urgent",
            "attaches_ics",
            "is_active",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "fallback" not in self.fields:
            return
        templates = self.scope.rows(Template.objects.all()).order_by("channel", "name", "pk")
        fields: dict[str, Any] = self.fields
        fields["fallback"].queryset = templates
        fields["fallback"].label_from_instance = rule_template_label
        kept = {(step["channel"], step["template"]) for step in self.instance.fallback}
        self.initial["fallback"] = [
            template.pk for template in templates if (template.channel, template.name) in kept
        ]

    def clean_template(self) -> Template:
        template: Template = self.cleaned_data["template"]
        check_rule_templates([template])
        return template

    def clean_fallback(self) -> list[dict[str, str]]:
        chosen = self.cleaned_data["fallback"]
        check_rule_templates(chosen)
        steps = dict.fromkeys((template.channel, template.name) for template in chosen)
        return [{"channel": channel, "template": name} for channel, name in steps]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        others = Rule.objects.filter(organization=self.owner, name=data.get("name"))
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "There is a rule with this name already.")
        template = data.get("template")
        if template and self.owner and template.organization_id != self.owner.pk:
            self.add_error("template", "It belongs to another organization.")
        return data


def check_rule_templates(templates: Iterable[Template]) -> None:
    """Raises ValidationError for a template that an appointment cannot fill in."""
    for template in templates:
        if unfilled := send.unfilled_placeholders(template):
            known = ", ".join(f"{{{{ {name} }}}}" for name in send.APPOINTMENT_VARIABLES)
            raise forms.ValidationError(
                f"“{template.name}” has {{{{ {unfilled[0]} }}}}, which no appointment fills in. "
                f"Known are: {known}."
            )


def rule_template_label(template: Template) -> str:
    return f"{template.name} ({template.get_channel_display()})"


@admin.register(Rule)
class RuleAdmin(ScopedAdmin):
    acting = OWNING
    form = RuleForm
    actions = None
    list_display = ["name", "when", "who", "text", "lead", "state"]
    list_select_related = ["template"]
    list_filter = ["occasion", "is_active"]
    search_fields = ["name"]
    fields = RuleForm.Meta.fields

    @column("Tells")
    def who(self, rule: Rule) -> str:
        names = [ParticipantRole(role).label for role in rule.roles if role in ParticipantRole]
        return ", ".join(names).capitalize() or "Everybody"

    @column("With")
    def text(self, rule: Rule) -> str:
        return rule_template_label(rule.template)

    @column("Occasion")
    def when(self, rule: Rule) -> str:
        return rule.get_occasion_display().capitalize()

    @column("Told")
    def lead(self, rule: Rule) -> str:
        if rule.occasion == "due":
            return f"{rule.hours_before} h before"
        return f"after {rule.quiet_seconds} s of quiet"

    @column("State", label={"on": "success", "off": "default"})
    def state(self, rule: Rule) -> tuple[str, str]:
        return ("on", "on") if rule.is_active else ("off", "off")

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        kwargs["labels"] = {
            "hours_before": "Hours before",
            "quiet_seconds": "Seconds of quiet before it is told",
            "quiet_from": "Quiet hours from",
            "quiet_until": "Quiet hours until",
            "is_urgent": "Urgent",
            "is_active": "Active",
            "attaches_ics": "Attach the appointment (.ics)",
        }
        return super().get_form(request, *args, **kwargs)
