"""What lists can be narrowed down by."""

from decimal import Decimal
from typing import ClassVar

import django_filters
from django.db.models import QuerySet

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


class MessageFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=Status.choices, distinct=False)
    channel = django_filters.MultipleChoiceFilter(choices=Channel.choices, distinct=False)
    direction = django_filters.ChoiceFilter(choices=Direction.choices)
    created_after = django_filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter("created_at", lookup_expr="lt")
    contact = django_filters.NumberFilter(
        method="conversation",
        decimal_places=0,
        max_value=MAX_ID,
        help_text="What they wrote and were sent, and what others answered in their place.",
    )
    to = django_filters.CharFilter("to", lookup_expr="iexact")

    class Meta:
        model = Message
        fields: ClassVar[list[str]] = []

    def conversation(self, rows: MessageQuerySet, _name: str, value: Decimal) -> QuerySet[Message]:
        return rows.in_conversation(int(value))


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
    changed_after = django_filters.IsoDateTimeFilter("updated_at", lookup_expr="gte")

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
