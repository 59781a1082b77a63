"""What lists can be narrowed down by."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField

from communications.book import search as finding
from communications.models import (
    Channel,
    Contact,
    Direction,
    Message,
    Part,
    Suppression,
)
from communications.models.messages import MessageQuerySet
from communications.vocabulary.statuses import Status

# Of a 64-bit column: beyond it, databases raise.
MAX_ID = 2**63 - 1


class MomentField(IsoDateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        """Raises ValidationError also for a time that is in no year we can count, once in UTC."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("It is too far away: choose another year.") from error


class MomentFilter(django_filters.IsoDateTimeFilter):
    field_class = MomentField


class IdFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, max_value=MAX_ID, **options)


class MessageFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=Status.choices, distinct=False)
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, distinct=False)
    direction = django_filters.ChoiceFilter(choices=Direction.choices)
    created_after = MomentFilter("created_at", lookup_expr="gte")
    created_before = MomentFilter("created_at", lookup_expr="lt")
    contact = IdFilter(
        method="conversation",
        help_text="What they wrote and were sent, and what others answered in their place.",
    )
    to = django_filters.CharFilter("to", lookup_expr="iexact")

    class Meta:
        model = Message
        fields: ClassVar[list[str]] = []

    def conversation(self, rows: MessageQuerySet, _name: str, value: int) -> QuerySet[Message]:
        return rows.in_conversation(value)


class ContactFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    address = django_filters.CharFilter("addresses__value", lookup_expr="iexact")
    q = django_filters.CharFilter(
        method="search",
        help_text="Names, nicknames, companies, weddings, parts of addresses and of numbers.",
    )
    role = django_filters.ChoiceFilter(method="tagged", field_name="roles", choices=Part.choices)
    wedding = django_filters.CharFilter(method="tagged", field_name="weddings")
    to_review = django_filters.BooleanFilter()
    changed_after = MomentFilter("updated_at", lookup_expr="gte")

    class Meta:
        model = Contact
        fields: ClassVar[list[str]] = []

    def search(self, rows: QuerySet[Contact], _name: str, value: str) -> QuerySet[Contact]:
        return finding.search_contacts(rows, value)

    def tagged(self, rows: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return finding.tagged_contacts(rows, name, value)


class SuppressionFilter(django_filters.FilterSet):
    channel = django_filters.ChoiceFilter(choices=Channel.choices)
    value = django_filters.CharFilter(lookup_expr="iexact")
    in_force = django_filters.BooleanFilter("lifted_at", lookup_expr="isnull")

    class Meta:
        model = Suppression
        fields: ClassVar[list[str]] = []
