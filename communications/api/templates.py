"""The JSON of templates."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from communications.composing import drafts, placeholders, template_choice, template_values
from communications.models import Channel, Template


class TemplateVariableSerializer(serializers.Serializer[Any]):
    """What a caller fills in, in “variables”."""

    name = serializers.CharField()
    part = serializers.CharField(help_text="header, body or button.")
    kind = serializers.CharField(help_text="text, or what else is wanted there.")
    about = serializers.CharField(help_text="For people; may be blank.")


class TemplateSerializer(serializers.ModelSerializer[Template]):
    variables = serializers.SerializerMethodField(
        help_text="What has to be filled in, and nothing else.",
    )
    unusable = serializers.SerializerMethodField(help_text="Why it cannot be sent; blank: it can.")

    @extend_schema_field(TemplateVariableSerializer(many=True))
    def get_variables(self, template: Template) -> Any:
        asked = [
            variable for variable in template_values.template_variables(template) if variable.name
        ]
        return TemplateVariableSerializer(asked, many=True).data

    def get_unusable(self, template: Template) -> str:
        return template_choice.unusable_reason(template)

    class Meta:
        model = Template
        fields = [
            "id",
            "name",
            "channel",
            "subject",
            "body",
            "html",
            "language",
            "category",
            "approval",
            "quality",
            "variables",
            "unusable",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            "id",
            "category",
            "approval",
            "quality",
            "created_at",
            "updated_at",
        ]
        # The organization is the caller's, so the constraint is checked in validate().
        validators: list[Any] = []

    def validate_channel(self, value: str) -> str:
        if value == Channel.WHATSAPP:
            raise serializers.ValidationError(
                "WhatsApp templates are made at Meta, and appear here once Meta lists them.",
            )
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The organization is the caller's, so DRF cannot check the constraint by itself."""
        name = attrs.get("name", getattr(self.instance, "name", ""))
        channel = attrs.get("channel", getattr(self.instance, "channel", Channel.EMAIL))
        organization = self.context["request"].membership.organization
        if self.instance is not None and self.instance.channel == Channel.WHATSAPP:
            raise serializers.ValidationError("WhatsApp templates are changed at Meta.")
        written = {text: str(attrs[text]) for text in drafts.TEXTS if text in attrs}
        placeholders.check_template_texts(organization, written)
        language = template_choice.check_language(
            attrs.get("language", getattr(self.instance, "language", ""))
        )
        attrs["language"] = language
        twins = Template.objects.filter(
            organization=organization, channel=channel, name=name, language=language
        )
        if twins.exclude(pk=getattr(self.instance, "pk", 0)).exists():
            raise serializers.ValidationError(
                {"name": [f"There is a template “{name}” already: choose another name."]},
            )
        return attrs
