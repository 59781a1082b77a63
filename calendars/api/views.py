"""The JSON API: parse, call one verb, answer. Every query is the caller's organization's."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet, ViewSet

from calendars.api.serializers import (
    AccountSerializer,
    AppointmentSerializer,
    AskSerializer,
    AvailabilitySerializer,
    BookSerializer,
    ChangeSerializer,
    ChooseSerializer,
    EditSerializer,
)
from calendars.appointments import (
    availability,
    idempotency,
    rescheduling,
)
from calendars.linking import accounts
from calendars.models import Account, Appointment
from communications.api.documentation import ProblemSerializer
from communications.api.filters import IdFilter, MomentFilter
from communications.api.views import KEY, ScopedView, idempotency_key

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The version you looked at; if it is not the newest any more, 412.",
)


class AppointmentFilterSet(django_filters.FilterSet):
    starts_after = MomentFilter("ends_at", lookup_expr="gt")
    starts_before = MomentFilter("starts_at", lookup_expr="lt")
    calendar = IdFilter("calendar__id")

    class Meta:
        model = Appointment
        fields = ["status"]


class AppointmentViewSet(ScopedView, ReadOnlyModelViewSet[Appointment]):
    queryset = Appointment.objects.known().prefetch_related("participants", "links")
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilterSet

    @extend_schema(
        request=BookSerializer,
        responses={201: AppointmentSerializer, 409: ProblemSerializer},
        parameters=[KEY],
    )
    def create(self, request: Request) -> Response:
        """Books. 409 if the time is taken, or nobody can tell whether it is free."""
        key = idempotency_key(request)
        serializer = BookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        appointment = idempotency.book_once(
            self.organization,
            serializer.booking_request(),
            key=key,
            by=self.membership.user,
        )
        return self.respond(appointment, status.HTTP_201_CREATED)

    @extend_schema(
        request=EditSerializer,
        responses={200: AppointmentSerializer, 409: ProblemSerializer},
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Moves it, or changes what it says and who takes part."""
        serializer = EditSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = rescheduling.change_appointment(
            self.get_object(),
            serializer.edit(),
            version=if_match_version(request),
            by=self.membership.user,
        )
        return self.respond(changed)

    @extend_schema(
        request=None,
        responses={200: AppointmentSerializer, 409: ProblemSerializer},
        parameters=[IF_MATCH],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Cancels it, also in its calendar; all participants are notified."""
        appointment = self.get_object()
        rescheduling.cancel_appointment(
            appointment, version=if_match_version(request), by=self.membership.user
        )
        return self.respond(appointment)

    @extend_schema(responses=ChangeSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def changes(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Its history: what changed, where, and by whom."""
        rows = self.get_object().changes.all()
        return Response(ChangeSerializer(rows, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002
        return self.respond(self.get_object())

    def respond(self, appointment: Appointment, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=appointment.pk)
        headers = {"ETag": f'"{row.version}"'}
        return Response(AppointmentSerializer(row).data, status=code, headers=headers)


def if_match_version(request: Request) -> int | None:
    """Returns the version of the If-Match header; None: whichever there is."""
    version = request.headers.get("If-Match", "").removeprefix("W/").strip('" ')
    if not version or version == "*":
        return None
    # Whatever is no version of ours is an old one.
    is_ours = version.isascii() and version.isdigit() and len(version) < 10  # noqa: PLR2004
    return int(version) if is_ours else -1


class CalendarAccountViewSet(
    ScopedView, mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Account]
):
    queryset = Account.objects.prefetch_related("calendars")
    serializer_class = AccountSerializer
    filterset_fields = ["vendor", "status"]

    @extend_schema(request=None, responses={200: AccountSerializer})
    @action(detail=True, methods=["post"])
    def disconnect(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Gives the permission back. Appointments stay where they are."""
        accounts.disconnect_account(
            self.get_object(),
            why=f"Disconnected by {self.membership.user.get_username()}.",
        )
        return Response(AccountSerializer(self.get_object()).data)

    @extend_schema(request=ChooseSerializer, responses={200: AccountSerializer})
    @action(detail=True, methods=["post"])
    def choose(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Which of its calendars are read, kept up to date and asked before a booking."""
        account = self.get_object()
        serializer = ChooseSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        accounts.choose_calendars(account, **serializer.validated_data)
        return Response(AccountSerializer(self.get_object()).data)


class AvailabilityViewSet(ScopedView, ViewSet):
    queryset: QuerySet[Appointment] = Appointment.objects.all()

    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, required=True, description="ISO 8601, with an offset."),
            OpenApiParameter("to", str, required=True, description="At most 62 days later."),
            OpenApiParameter("duration", int, required=True, description="In minutes."),
            OpenApiParameter(
                "calendars",
                str,
                description="Ids, comma-separated. Left out: all that are followed.",
            ),
        ],
        responses={200: AvailabilitySerializer},
    )
    def list(self, request: Request) -> Response:
        """Free slots across calendars and vendors. What cannot be told is listed as unknown, and
        nothing is offered then."""
        offer = availability.offer_slots(self.organization, **availability_query(request))
        return Response(AvailabilitySerializer(offer).data)


def availability_query(request: Request) -> dict[str, Any]:
    """Returns what the URL asks for. Raises ValidationError with its parameters' names."""
    query = request.query_params
    parameters = {"start": "from", "end": "to", "duration": "duration"}
    given = {name: query[word] for name, word in parameters.items() if word in query}
    calendars = [key for key in query.get("calendars", "").split(",") if key]
    serializer = AskSerializer(data={**given, "calendars": calendars})
    if not serializer.is_valid():
        raise ValidationError(
            {parameters.get(name, name): value for name, value in serializer.errors.items()},
        )
    data = dict(serializer.validated_data)
    return data | {"duration": timedelta(minutes=data["duration"])}
