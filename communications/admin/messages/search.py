"""Finding a message among a million, in the time a person waits.

Ids and the addresses of contacts have an index and are found however old the message is. Anything
else is looked for among the newest.
"""

from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from communications.models import Address, Attempt, Message

WINDOW = 30_000
MOST = 1_000


def found_messages(rows: QuerySet[Message], term: str) -> QuerySet[Message]:
    ids = ids_by_id(term) or [*ids_by_contact(rows, term), *ids_among_newest(rows, term)]
    # Looked up now, because the list asks twice: for the number of rows and for the rows.
    return rows.filter(pk__in=ids)


def ids_by_id(term: str) -> list[UUID]:
    """Ours, or a provider's."""
    try:
        return [UUID(term)]
    except ValueError:
        attempts = Attempt.objects.filter(provider__in=settings.PROVIDERS, provider_id=term)
        return list(attempts.values_list("message", flat=True)[:MOST])


def ids_by_contact(rows: QuerySet[Message], term: str) -> list[UUID]:
    contacts = Address.objects.filter(value__iexact=term).values("contact")
    return newest_ids(rows.filter(contact__in=contacts))


def ids_among_newest(rows: QuerySet[Message], term: str) -> list[UUID]:
    times = rows.order_by("-created_at", "-id").values_list("created_at", flat=True)
    has_it = Q(to__icontains=term) | Q(subject__icontains=term) | Q(sender__icontains=term)
    newest = rows.filter(has_it)
    if beyond := next(iter(times[WINDOW : WINDOW + 1]), None):
        newest = newest.filter(created_at__gt=beyond)
    return newest_ids(newest)


def newest_ids(rows: QuerySet[Message]) -> list[UUID]:
    return list(rows.order_by("-created_at", "-id").values_list("pk", flat=True)[:MOST])
