"""The JSON of appointments and calendars: what comes in, what goes out."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from calendars.api.fields import WallTimeField
from calendars.appointments.booking import BookingRequest
from calendars.appointments.participants import Invitee
from calendars.appointments.rescheduling import AppointmentEdit
from calendars.content import conversion
from calendars.models import (
    Account,
    Appointment,
    AppointmentChange,
    Calendar,
    Participant,
    ParticipantRole,
)
from communications.api.filters import MAX_ID
from communications.api.serializers import StrictSerializer


def id_field(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=MAX_ID, **options)


class InviteeSerializer(StrictSerializer):
    contact = id_field(required=False, help_text="The id of a contact; or an “email”.")
    email = serializers.CharField(max_length=320, required=False)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    role = serializers.ChoiceField(choices=ParticipantRole.choices, required=False)
    is_optional = serializers.BooleanField(required=False)


class EditSerializer(StrictSerializer):
    """What is left out stays as it is."""

    title = serializers.CharField(max_length=1024, required=False)
    start = WallTimeField(required=False)
    end = WallTimeField(required=False)
    zone = serializers.CharField(
        max_length=64,
        required=False,
        help_text="IANA, like Europe/London.",
    )
    description = serializers.CharField(max_length=65_000, required=False, allow_blank=True)
    place = serializers.CharField(max_length=4096, required=False, allow_blank=True)
    participants = InviteeSerializer(many=True, required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=20,
        required=False,
    )
    also_free = serializers.ListField(
        child=id_field(),
        max_length=20,
        required=False,
        help_text="Calendars that have to be free then as well.",
    )

    def edit(self) -> AppointmentEdit:
        return AppointmentEdit(**self.words())

    def words(self) -> dict[str, Any]:
        data = dict(self.validated_data)
        if "participants" in data:
            data["participants"] = [Invitee(**invitee) for invitee in data["participants"]]
        return data


class BookSerializer(EditSerializer):
    title = serializers.CharField(max_length=1024)
    start = WallTimeField()
    end = WallTimeField()
    calendar = id_field(required=False, help_text="Left out: the default one.")
    is_all_day = serializers.BooleanField(required=False)
    wants_conference = serializers.BooleanField(required=False)

    def booking_request(self) -> BookingRequest:
        return BookingRequest(**self.words())


class ParticipantSerializer(serializers.ModelSerializer[Participant]):
    class Meta:
        model = Participant
        fields = ["contact", "email", "name", "role", "is_optional", "answer", "answered_at"]


class AppointmentSerializer(serializers.ModelSerializer[Appointment]):
    start = WallTimeField(source="wall_start")
    end = WallTimeField(source="wall_end")
    participants = ParticipantSerializer(many=True)
    problem = serializers.CharField(source="trouble", help_text="Blank: nothing to look at.")
    is_written = serializers.SerializerMethodField(help_text="Whether its calendar has it so.")

    class Meta:
        model = Appointment
        fields = [
            "id",
            "calendar",
            "title",
            "description",
            "place",
            "start",
            "end",
            "zone",
            "starts_at",
            "ends_at",
            "is_all_day",
            "status",
            "conference_url",
            "tags",
            "version",
            "overlaps",
            "problem",
            "participants",
            "is_written",
            "created_at",
            "updated_at",
        ]

    def get_is_written(self, appointment: Appointment) -> bool:
        return all(conversion.is_written(appointment, link) for link in appointment.links.all())


class ChangeSerializer(serializers.ModelSerializer[AppointmentChange]):
    class Meta:
        model = AppointmentChange
        fields = ["version", "what", "source", "by", "before", "after", "created_at"]


class CalendarSerializer(serializers.ModelSerializer[Calendar]):
    class Meta:
        model = Calendar
        fields = [
            "id",
            "name",
            "zone",
            "is_followed",
            "is_default",
            "may_write",
            "is_gone",
            "buffer_minutes",
            "poll_only",
            "last_pulled_at",
            "last_pushed_at",
            "misses",
            "held_at",
            "held_reason",
            "unapplied",
            "error",
        ]


class AccountSerializer(serializers.ModelSerializer[Account]):
    """No secrets: what was granted never leaves."""

    calendars = CalendarSerializer(many=True)

    class Meta:
        model = Account
        fields = [
            "id",
            "vendor",
            "email",
            "status",
            "why",
            "error",
            "error_at",
            "retry_at",
            "conflicts",
            "calendars",
            "created_at",
        ]


class ChooseSerializer(StrictSerializer):
    followed = serializers.ListField(child=id_field(), max_length=200)
    default = id_field(required=False, allow_null=True, help_text="Bookings go there unless told.")


class SpanSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class UnknownSerializer(serializers.Serializer[Any]):
    calendar = serializers.IntegerField()
    name = serializers.CharField()
    problem = serializers.CharField()


# One answer, though it is a list's address.
@extend_schema_serializer(many=False)
class AvailabilitySerializer(serializers.Serializer[Any]):
    slots = SpanSerializer(many=True, help_text="Empty while anything is unknown.")
    busy = serializers.DictField(child=SpanSerializer(many=True), help_text="By calendar.")
    unknown = UnknownSerializer(many=True)


class AskSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    duration = serializers.IntegerField(min_value=1, max_value=7 * 24 * 60)
    calendars = serializers.ListField(child=id_field(), max_length=50)
