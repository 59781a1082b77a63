"""The JSON API: parse, call one function, answer. Every query is the caller's organization's."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet, ModelViewSet, ReadOnlyModelViewSet

from communications.api.documentation import ProblemSerializer
from communications.api.filters import ContactFilter, MessageFilter, SuppressionFilter
from communications.api.people import (
    ContactChangeSerializer,
    ContactSerializer,
    MergeSerializer,
    WaySerializer,
)
from communications.api.serializers import (
    ComposeSerializer,
    EventSerializer,
    MessageSerializer,
    PreviewSerializer,
    SummarySerializer,
    SuppressionSerializer,
)
from communications.api.templates import TemplateSerializer
from communications.book import (
    erasure,
    merging,
)
from communications.book.files import exporting
from communications.book.history import Cause
from communications.composing.compose import (
    compose_message,
    preview_message,
)
from communications.conversations import thread
from communications.errors import Refused
from communications.messages import staff_actions
from communications.models import (
    Contact,
    Direction,
    Event,
    Membership,
    Message,
    Organization,
    Origin,
    Suppression,
    Template,
)
from communications.policy import suppressions

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body gets the first answer again; with another, 422.",
)
MAX_KEY_LENGTH = 200
MAX_CHANGES = 500
SUMMARY_SPAN = timedelta(hours=24)


class ScopedView:
    """Rows of the caller's organization and of no other."""

    request: Any
    queryset: QuerySet[Any]

    @property
    def membership(self) -> Membership:
        """Put there by the permission that let the caller in."""
        found: Membership = self.request.membership
        return found

    @property
    def organization(self) -> Organization:
        return self.membership.organization

    def get_queryset(self) -> QuerySet[Any]:
        # None while the schema is drawn: nobody is asking.
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.filter(organization=self.organization)

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save(organization=self.organization)


def idempotency_key(request: Request) -> str:
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise ParseError(f"Keep the Idempotency-Key to {MAX_KEY_LENGTH} printable characters.")
    return key


class MessageViewSet(ScopedView, ReadOnlyModelViewSet[Message]):
    queryset = Message.objects.select_related("contact").prefetch_related("attempts")
    serializer_class = MessageSerializer
    filterset_class = MessageFilter

    @extend_schema(
        request=ComposeSerializer,
        responses={201: MessageSerializer, 409: ProblemSerializer},
        parameters=[KEY],
    )
    def create(self, request: Request) -> Response:
        """Composes a message. It is stored when this answers, and sent right after.

        409 where the Idempotency-Key is of a message that the retention rule has removed.
        """
        key = idempotency_key(request)
        serializer = ComposeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        composed = compose_message(
            self.organization,
            serializer.draft(),
            idempotency_key=key,
            created_by=self.membership.user,
        )
        return Response(self.shown(composed.message), status=status.HTTP_201_CREATED)

    @extend_schema(request=ComposeSerializer, responses={200: PreviewSerializer})
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a message would look like, and whether it may be sent. Nothing is stored."""
        serializer = ComposeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        shown = preview_message(self.organization, serializer.draft())
        return Response(PreviewSerializer(shown).data)

    @extend_schema(responses={200: SummarySerializer})
    @action(detail=False, pagination_class=None, filterset_class=None)
    def summary(self, request: Request) -> Response:  # noqa: ARG002
        """How many outbound messages of the last 24 hours stand where, by channel."""
        since = timezone.now() - SUMMARY_SPAN
        sent = self.get_queryset().filter(direction=Direction.OUTBOUND)
        rows = sent.order_by().filter(created_at__gte=since)
        counts = rows.values("channel", "status").annotate(count=Count("pk"))
        return Response(SummarySerializer({"since": since, "counts": counts}).data)

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def events(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """The timeline: everything that happened, also what changed nothing."""
        rows = Event.objects.filter(message=self.get_object()).select_related("attempt")
        return Response(EventSerializer(rows, many=True).data)

    @extend_schema(request=None, responses={200: MessageSerializer, 409: ProblemSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Takes it out of the outbox; 409 with the reason once it has left it."""
        message = self.get_object()
        staff_actions.cancel_message(message, by=self.request.user.get_username())
        return Response(self.shown(message))

    @extend_schema(request=None, responses={200: MessageSerializer, 409: ProblemSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Sends it again; 409 with the reason where a second copy might arrive."""
        message = self.get_object()
        staff_actions.retry_message(message, by=self.request.user.get_username())
        return Response(self.shown(message))

    def shown(self, message: Message) -> dict[str, Any]:
        return dict(MessageSerializer(self.get_queryset().get(pk=message.pk)).data)


class ContactViewSet(ScopedView, ModelViewSet[Contact]):
    queryset = Contact.objects.prefetch_related("addresses")
    serializer_class = ContactSerializer
    filterset_class = ContactFilter

    @property
    def cause(self) -> Cause:
        return Cause(Origin.API, self.request.user.get_username())

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save(organization=self.organization, cause=self.cause)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save(cause=self.cause)

    @extend_schema(responses=WaySerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def channels(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """By which channels the contact can be written to now, and why not by the others."""
        found = thread.channel_options(self.get_object())
        return Response(WaySerializer(found, many=True).data)

    @extend_schema(responses=ContactChangeSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def history(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Every change, the newest first, with who or what made it."""
        rows = self.get_object().changes.all()[:MAX_CHANGES]
        return Response(ContactChangeSerializer(rows, many=True).data)

    @extend_schema(
        request=MergeSerializer,
        responses={200: ContactSerializer, 409: ProblemSerializer},
    )
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Makes another contact part of this one. It can be undone in the admin."""
        kept = self.get_object()
        serializer = MergeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        other = self.get_queryset().filter(pk=serializer.validated_data["other"]).first()
        if other is None:
            raise Refused("other", "There is no such contact.")
        merging.merge_contacts(kept, other, by=self.cause.by)
        return Response(ContactSerializer(self.get_queryset().get(pk=kept.pk)).data)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, pagination_class=None, filterset_class=None)
    def everything(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """All that is kept about the person: for a request for information."""
        return Response(exporting.everything_about(self.get_object()))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def erase(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Forgets the person: contents and addresses go, the proof of what was sent and every
        refusal stay. There is no way back."""
        erasure.erase_contact(self.get_object(), by=self.cause.by)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TemplateViewSet(ScopedView, ModelViewSet[Template]):
    queryset = Template.objects.all()
    serializer_class = TemplateSerializer
    filterset_fields = ["channel", "name"]


class SuppressionViewSet(
    ScopedView,
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[Suppression],
):
    queryset = Suppression.objects.all()
    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilter

    def perform_destroy(self, instance: Suppression) -> None:
        """Lifted, never deleted: the row stays as history."""
        suppressions.lift_suppressions([instance], by=self.request.user.get_username())
