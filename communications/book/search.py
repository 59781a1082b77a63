"""Searches in the address book."""

import json

from django.db.models import Q, QuerySet

from communications.models import Contact
from communications.vocabulary import search_keys


def search_contacts(rows: QuerySet[Contact], query: str) -> QuerySet[Contact]:
    """Returns those whose names, addresses, company or weddings contain every word, forgivingly."""
    for choices in search_keys.search_terms(query):
        has_it = Q()
        for choice in choices:
            has_it |= Q(search__contains=choice)
        rows = rows.filter(has_it)
    return rows


def tagged_contacts(rows: QuerySet[Contact], field: str, tag: str) -> QuerySet[Contact]:
    """Returns those with exactly this among their roles or weddings, whatever its case."""
    # As text, because not every database can look into a list; one escapes what the other does not.
    forms = {json.dumps(tag), json.dumps(tag, ensure_ascii=False)}
    has_it = Q()
    for form in forms:
        has_it |= Q(**{f"{field}__icontains": form})
    return rows.filter(has_it)
