"""The JSON of contacts."""

from typing import Any

from rest_framework import serializers

from communications.api.serializers import StrictSerializer
from communications.api.templates import TemplateSerializer
from communications.book import contacts, typed_addresses
from communications.book.facts import FACTS
from communications.models import Address, Channel, Contact, ContactChange, Part, Template


class AddressSerializer(serializers.ModelSerializer[Address]):
    left_out_when_blank = ("label", "is_confirmed")

    class Meta:
        model = Address
        fields = ["channel", "value", "label", "is_confirmed"]
        read_only_fields = ["is_confirmed"]
        extra_kwargs = {"label": {"required": False}}

    def to_representation(self, instance: Address) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {
            name: value
            for name, value in shown.items()
            if value or name not in self.left_out_when_blank
        }


class ContactSerializer(serializers.ModelSerializer[Contact]):
    name = serializers.CharField(
        max_length=200,
        required=False,
        help_text="May be left out where given_name, family_name or company are there.",
    )
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=Part.choices),
        required=False,
    )
    weddings = serializers.ListField(child=serializers.CharField(), required=False)
    custom = serializers.DictField(required=False, help_text="Texts, numbers, true and false.")
    addresses = AddressSerializer(
        many=True,
        required=False,
        help_text="The first of each channel is the one that is written to.",
    )
    allow_unconfirmed = serializers.BooleanField(
        write_only=True,
        required=False,
        help_text="Take numbers of the right length that no network is known to have.",
    )

    class Meta:
        model = Contact
        fields = [
            "id",
            *FACTS,
            "to_review",
            "addresses",
            "allow_unconfirmed",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["id", "created_at", "updated_at"]

    def create(self, validated_data: dict[str, Any]) -> Contact:
        entries = typed_addresses.typed_entries(
            validated_data["organization"],
            address_entries(validated_data.pop("addresses", [])),
            allow_unconfirmed=validated_data.pop("allow_unconfirmed", False),
        )
        return contacts.create_contact(addresses=entries, **validated_data)

    def update(self, instance: Contact, validated_data: dict[str, Any]) -> Contact:
        listed = validated_data.pop("addresses", None)
        allow_unconfirmed = validated_data.pop("allow_unconfirmed", False)
        entries = (
            listed
            if listed is None
            else typed_addresses.typed_entries(
                instance.organization,
                address_entries(listed),
                contact=instance,
                allow_unconfirmed=allow_unconfirmed,
            )
        )
        return contacts.change_contact(instance, addresses=entries, **validated_data)


def address_entries(listed: list[dict[str, Any]]) -> list[contacts.AddressEntry]:
    return [
        contacts.AddressEntry(address["channel"], address["value"], address.get("label", ""))
        for address in listed
    ]


class MergeSerializer(StrictSerializer):
    other = serializers.IntegerField(help_text="The contact that goes; it can be taken out again.")


class ContactChangeSerializer(serializers.ModelSerializer[ContactChange]):
    before = serializers.JSONField(read_only=True)
    after = serializers.JSONField(read_only=True)

    class Meta:
        model = ContactChange
        fields = ["field", "before", "after", "source", "by", "at"]
        read_only_fields = fields


class ApprovedSerializer(TemplateSerializer):
    class Meta:
        model = Template
        fields = ["name", "language", "category", "body", "variables"]
        read_only_fields = fields


class WaySerializer(serializers.Serializer[Any]):
    """Whether a contact can be written to on a channel now, and if not, why."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    value = serializers.CharField(help_text="The address there; blank: none is known.")
    is_open = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it is closed; blank where it is open.")
    templates = ApprovedSerializer(
        many=True,
        help_text="The approved texts that may be sent, also where free text may not.",
    )
    window_until = serializers.DateTimeField(allow_null=True)
    is_preferred = serializers.BooleanField(help_text="The one to answer by.")
