"""Searches in the address book."""

import json
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value

from communications.models import Contact
from communications.vocabulary import search_keys


class HasParts(Func):
    """Whether a key has all of some parts of three characters, which the index `contact_by_part`
    knows of each (migration `parts_of_search_keys`). PostgreSQL only."""

    function = "communications_parts"
    arg_joiner = ") @> ("
    output_field = BooleanField()


def search_contacts(rows: QuerySet[Contact], query: str) -> QuerySet[Contact]:
    """Returns those whose names, addresses, company or weddings contain every word, forgivingly.

    All for a blank query, and none for signs alone, which are in no key.
    """
    terms = search_keys.search_terms(query)
    if not terms and query.replace("\0", "").strip():
        return rows.none()
    for choices in terms:
        rows = rows.filter(any_of(Q(search__contains=choice) for choice in choices))
        if connections[rows.db].vendor == "postgresql":
            rows = rows.filter(where_to_look(choices))
    return rows


def where_to_look(choices: Sequence[str]) -> Q:
    """Returns what an index answers, and what all contacts fulfil whose key contains one of these;
    nothing where one is too short: so many contacts have it that a page of them is found soon.

    A condition of its own, because PostgreSQL then takes the index's word for it.
    """
    parts = [search_keys.parts_of_key(choice) for choice in choices]
    return any_of(map(has_parts, parts)) if all(parts) else Q()


def has_parts(parts: list[str]) -> Q:
    return Q(HasParts(F("search"), Value(parts, output_field=ArrayField(TextField()))))


def any_of(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions, Q())


def tagged_contacts(rows: QuerySet[Contact], field: str, tag: str) -> QuerySet[Contact]:
    """Returns those with exactly this among their roles or weddings, whatever its case."""
    # As text, because not every database can look into a list; one escapes what the other does not.
    forms = {json.dumps(tag), json.dumps(tag, ensure_ascii=False)}
    has_it = Q()
    for form in forms:
        has_it |= Q(**{f"{field}__icontains": form})
    return rows.filter(has_it)
