"""An index only says where to look: a search finds what a look at every contact finds."""

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from communications.book import contacts, search
from communications.models import Contact
from communications.vocabulary import search_keys
from tests import factories

pytestmark = pytest.mark.django_db

NAMES = [
    "Jürgen Müller",
    "Søren Ærøskøbing",
    "100% Brides",
    "a_b\\c",
    "Zoë 💍 Ng",
    "İpek Straße",
    "Éloïse d'Aubigné-Ng",
    "%%%___",
    "Ng",
]
ODD = st.sampled_from([*"%_\\'\"💍üßİ\0@.+-", "mul", "ng", "stra", "a_b", "0%", "ae", "99"])
LETTERS = st.one_of(ODD, st.characters(exclude_categories=["Cs"]))
QUERIES = st.lists(LETTERS, max_size=8).map("".join)


def looked_at_each(rows: QuerySet[Contact], query: str) -> set[int]:
    terms = search_keys.search_terms(query)
    if not terms and query.replace("\0", "").strip():
        return set()
    return {
        contact.pk
        for contact in rows
        if all(any(part in contact.search for part in choices) for choices in terms)
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(QUERIES, min_size=5, max_size=5))
def test_odd_texts_find_what_a_look_at_every_contact_finds(
    book: list[Contact], queries: list[str]
) -> None:
    words = [word for contact in book for word in contact.search.split()]
    for query in [*queries, *(word[1:6] for word in words[::19])]:
        found = search.search_contacts(Contact.objects.all(), query)
        assert set(found.values_list("pk", flat=True)) == looked_at_each(
            Contact.objects.all(), query
        )


@pytest.fixture
def book() -> list[Contact]:
    of = factories.organization()
    return [
        contacts.create_contact(of, name=name, addresses=[("email", f"a_{number}+x@ng.example")])
        for number, name in enumerate(NAMES)
    ]


@pytest.mark.parametrize("query", ["%", "_", '"', "--", "( )", "👰", "…"])
def test_signs_alone_find_nobody(book: list[Contact], query: str) -> None:  # noqa: ARG001
    assert not search.search_contacts(Contact.objects.all(), query).exists()


@pytest.mark.parametrize(
    "query", ["amelie@exämple.de", "AMELIE@EXÄMPLE.de", "amelie@xn--exmple-cua.de"]
)
def test_an_address_is_found_however_its_domain_is_written(query: str) -> None:
    of = factories.organization()
    contacts.create_contact(of, name="Amelie Roy", addresses=[("email", "amelie@exämple.de")])
    assert search.search_contacts(Contact.objects.all(), query).count() == 1


@pytest.mark.parametrize("query", ["", " ", "\t\n"])
def test_a_blank_query_leaves_out_nobody(book: list[Contact], query: str) -> None:
    assert search.search_contacts(Contact.objects.all(), query).count() == len(book)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's index.")
def test_a_part_of_a_word_is_looked_up_in_an_index(book: list[Contact]) -> None:  # noqa: ARG001
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    plan = search.search_contacts(Contact.everyone.all(), "müller").explain()
    assert "contact_by_part" in plan


@pytest.mark.parametrize("query", ["%00", "x@%00y", "%25", "_", "%5C", "%F0%9F%92%8D"])
def test_the_api_answers_whatever_is_searched_for(
    book: list[Contact], client: Client, query: str
) -> None:
    member = factories.member(book[0].organization)
    client.force_login(member)
    assert client.get(f"/api/contacts/?q={query}").status_code in {200, 400}
