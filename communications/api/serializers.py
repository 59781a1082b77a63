"""The JSON of the API: what comes in, what goes out."""

from typing import Any

from rest_framework import serializers

from communications.book import contacts
from communications.composing.drafts import Draft
from communications.errors import InvalidAddress, Refused
from communications.models import (
    Attempt,
    Channel,
    Event,
    Message,
    Priority,
    Suppression,
)
from communications.policy import suppressions
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status

PRIORITIES = {label.lower(): Priority(value) for value, label in Priority.choices}


class PriorityField(serializers.ChoiceField):
    """A word outside, a number inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(PRIORITIES), **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return PRIORITIES[super().to_internal_value(data)]

    def to_representation(self, value: Any) -> str:
        return Priority(value).label.lower()


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelt “expires_at” must not be ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: [f"There is no such field. Known are: {known}."] for name in unknown},
            )
        return super().to_internal_value(data)


class FallbackSerializer(StrictSerializer):
    channel = serializers.ChoiceField(choices=Channel.choices)
    after_seconds = serializers.IntegerField(min_value=0, max_value=30 * 86_400, required=False)


class AttachmentSerializer(StrictSerializer):
    filename = serializers.CharField(max_length=255)
    content = serializers.CharField(help_text="base64")
    content_type = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        help_text="Left out, the file's name says what it is.",
    )
    content_id = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="Of a picture inside the HTML, which shows it as cid:….",
    )


class ComposeSerializer(StrictSerializer):
    channel = serializers.ChoiceField(choices=Channel.choices)
    to = serializers.CharField(max_length=320, required=False)
    contact = serializers.IntegerField(required=False)
    subject = serializers.CharField(max_length=998, required=False, allow_blank=True)
    body = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    template = serializers.CharField(max_length=512, required=False)
    language = serializers.CharField(
        max_length=35,
        required=False,
        allow_blank=True,
        help_text="Of the text, like en or pt_BR. Left out, the contact's language chooses between "
        "those of a template, then the organization's.",
    )
    variables = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
    )
    reply_to = serializers.CharField(max_length=320, required=False)
    headers = serializers.DictField(child=serializers.CharField(), required=False)
    attachments = AttachmentSerializer(many=True, required=False)
    priority = PriorityField(required=False)
    send_at = serializers.DateTimeField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    fallback = FallbackSerializer(many=True, required=False)
    media = serializers.ListField(child=serializers.URLField(max_length=2000), required=False)
    resend_if_unknown = serializers.BooleanField(required=False)
    allow_unconfirmed = serializers.BooleanField(
        required=False,
        help_text="Take a number of the right length that no network is known to have.",
    )
    metadata = serializers.DictField(required=False)

    def draft(self) -> Draft:
        data = self.validated_data
        if "to" in data and "contact" in data:
            raise Refused("to", "Give either “to” or “contact”, not both.")
        return Draft(**data)


class SegmentsSerializer(serializers.Serializer[Any]):
    """How many SMS a text is, and how much still fits into the last of them."""

    encoding = serializers.CharField()
    count = serializers.IntegerField()
    left = serializers.IntegerField()
    unusual = serializers.CharField(help_text="The characters that make it UCS-2.")


class PreviewSerializer(serializers.Serializer[Any]):
    to = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    html = serializers.CharField()
    segments = SegmentsSerializer(allow_null=True)
    refusal = serializers.CharField(allow_null=True)
    language = serializers.CharField(help_text="Of the text; blank where it is not known.")
    language_reason = serializers.CharField(help_text="Why a template is in this language.")


class CountSerializer(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=Channel.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    count = serializers.IntegerField()


class SummarySerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    counts = CountSerializer(many=True)


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    channel = serializers.CharField(read_only=True)

    class Meta:
        model = Attempt
        fields = [
            "number",
            "channel",
            "to",
            "provider",
            "status",
            "provider_id",
            "error_code",
            "error",
            "started_at",
            "finished_at",
        ]


class EditSerializer(serializers.Serializer[Any]):
    body = serializers.CharField(help_text="What it said until then.")
    at = serializers.DateTimeField()


class ReactionSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(help_text="The address, or the id, of who answered with it.")
    emoji = serializers.CharField()
    at = serializers.DateTimeField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    priority = PriorityField()
    attempts = AttemptSerializer(many=True, read_only=True)
    contact_name = serializers.CharField(source="contact.name", default="", read_only=True)
    went_by = serializers.CharField(
        read_only=True,
        help_text="The channel that has it, or the one it is tried by.",
    )
    content = serializers.DictField(
        read_only=True,
        help_text="What a text cannot hold: `kind` says whether it is a location, contacts, an "
        "order, a form (flow), a button and so on.",
    )
    edits = serializers.ListField(
        child=EditSerializer(),
        read_only=True,
        help_text="Its earlier texts, the first one first; `body` is the newest.",
    )
    reactions = serializers.ListField(
        child=ReactionSerializer(), source="shown_reactions", read_only=True
    )
    references = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Of a mail: the ids of those before it, the one it answers last.",
    )

    class Meta:
        model = Message
        fields = [
            "id",
            "direction",
            "channel",
            "went_by",
            "contact",
            "contact_name",
            "sender",
            "to",
            "subject",
            "body",
            "html",
            "language",
            "status",
            "error_code",
            "error",
            "provider",
            "provider_id",
            "attempts",
            "priority",
            "send_at",
            "expires_at",
            "fallback",
            "media",
            "resend_if_unknown",
            "metadata",
            "consent",
            "content",
            "in_reply_to",
            "reply_to",
            "internet_message_id",
            "references",
            "is_automatic",
            "is_complete",
            "is_echo",
            "group",
            "reactions",
            "edits",
            "deleted_at",
            "opened_at",
            "clicked_at",
            "complained_at",
            "text_removed_at",
            "fingerprint",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "sender": {
                "help_text": "Who it came from. Of one of yours that was not tried yet: who you "
                "wrote as when it was composed, blank for the installation’s usual sender; then "
                "who it really left as, blank where the provider picks a number of its pool."
            },
            "text_removed_at": {"help_text": "When the retention rule removed the text."},
            "fingerprint": {"help_text": "SHA-256 of the text that was removed."},
        }


class EventSerializer(serializers.ModelSerializer[Event]):
    attempt = serializers.IntegerField(
        source="attempt.number", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = Event
        fields = [
            "id",
            "kind",
            "source",
            "status",
            "message_status",
            "changed",
            "attempt",
            "provider",
            "event_id",
            "error_code",
            "detail",
            "occurred_at",
            "recorded_at",
        ]
        read_only_fields = fields


class SuppressionSerializer(serializers.ModelSerializer[Suppression]):
    class Meta:
        model = Suppression
        fields = [
            "id",
            "channel",
            "value",
            "reason",
            "detail",
            "message",
            "created_at",
            "lifted_at",
            "lifted_by",
            "sender",
            "marketing_only",
        ]
        read_only_fields = ["id", "reason", "message", "created_at", "lifted_at", "lifted_by"]
        # In force at most once an address: checked where the row is written.
        validators: list[Any] = []

    def create(self, validated_data: dict[str, Any]) -> Suppression:
        organization = validated_data["organization"]
        try:
            value = contacts.normalise_address(
                validated_data["channel"],
                validated_data["value"],
                region=organization.region,
            )
        except InvalidAddress as error:
            raise Refused("value", str(error)) from error
        made = suppressions.suppress_address(
            organization,
            channel=validated_data["channel"],
            value=value,
            reason=Reason.MANUAL,
            detail=validated_data.get("detail", ""),
        )
        if made is None:
            raise Refused("value", f"{value} is suppressed already.")
        return made
