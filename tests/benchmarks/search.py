"""Searches in an address book of 300,000 contacts with 600,000 addresses.

A page of the API, and a page of the admin, which counts as well: by the index, and by reading all.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest.mock import patch

from django.db import connection
from django.db.models import Q, QuerySet

from communications.book import search
from communications.models import Contact, Organization
from tests.benchmarks import report
from tests.benchmarks.report import Figures, Row, measured
from tests.benchmarks.stack import Machine

CONTACTS = 300_000
ROUNDS = 3
QUERIES = 40
PAGE = 51
NEWEST = ("-created_at", "-pk")
FIRST = "'{amelia,oliver,mia,ben,charlotte,jack,isla,leo,freya,noah,arthur,zoe,muller}'::text[]"
PARTS = "'{har,ton,smi,ber,ger,mar,tin,ez,gar,cia,ros,kel,bra,dy,wal,hug,mor,fos,schm,koh}'::text[]"
DOMAINS = "'{gmail.com,web.de,example.com,btinternet.com,outlook.com}'::text[]"
PEOPLE = f"""
INSERT INTO communications_contact (organization_id, name, given_name, family_name, company, roles,
    weddings, language, time_zone, preferred_channel, notes, custom, to_review, search, sounds,
    created_at, updated_at)
SELECT %s, initcap(f) || ' ' || initcap(l), '', '', '', '[]', '[]', '', '', '', '', '{{}}', false,
    f || ' ' || l || ' ' || f || '.' || l || n || '@' || d
        || ' 4477' || 10000000 + n * 7919 %% 89999999,
    '', now() - n * interval '1 second', now()
FROM (SELECT n, ({FIRST})[1 + n * 31 %% 13] f, ({DOMAINS})[1 + n * 13 %% 5] d,
    ({PARTS})[1 + n * 17 %% 20] || ({PARTS})[1 + n / 20 %% 20] || ({PARTS})[1 + n / 400 %% 20] l
    FROM generate_series(1, %s::bigint) n) people
"""  # noqa: S608 (of constants)
ADDRESSES = """
INSERT INTO communications_address
    (organization_id, contact_id, channel, value, label, is_primary, is_confirmed, hint)
SELECT organization_id, id, channel, CASE channel WHEN 'email' THEN split_part(search, ' ', 3)
    ELSE '+' || split_part(search, ' ', 4) || id END, '', false, false, ''
FROM communications_contact, (VALUES ('email'), ('sms')) channels (channel)
"""


def run(machine: Machine, _messages: int) -> Iterator[Row]:
    stack = machine.postgres_with_redis()
    stack.run(fill)
    variants = {
        "the index": partial(stack.run, times),
        "reading all": partial(stack.run, times_without_index),
    }
    yield from report.rows(measured(variants, ROUNDS), *variants)


def fill() -> None:
    of = Organization.objects.create(name="Everybody", slug="everybody")
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, [of.pk, CONTACTS])
        cursor.execute(ADDRESSES)
        cursor.execute("VACUUM ANALYZE communications_contact, communications_address")


def times_without_index() -> Figures:
    with patch.object(search, "where_to_look", lambda _choices: Q()):
        return times()


def times() -> Figures:
    rows = Contact.objects.filter(organization__slug="everybody")
    asked = list(queries(rows))
    return {
        **timed(
            "API", asked, rows, lambda found: list(found.order_by("-created_at", "-pk")[:PAGE])
        ),
        **timed("admin", asked, rows, lambda found: (found.count(), list(found[:100]))),
    }


def queries(rows: QuerySet[Contact]) -> Iterator[str]:
    """Yields what people type: names, ends and middles of addresses, some digits, and nobody."""
    keys = rows.order_by("pk").values_list("search", flat=True)
    for number in range(QUERIES):
        first, last, mail, digits = keys[number * CONTACTS // QUERIES].split()
        asked = (
            first,
            last,
            f"{first} {last}",
            last[1:5],
            mail,
            mail[3:9],
            digits[-7:],
            f"x{last}q",
        )
        yield asked[number % len(asked)]


def timed(
    name: str,
    asked: list[str],
    rows: QuerySet[Contact],
    look: Callable[[QuerySet[Contact]], object],
) -> Figures:
    seconds = []
    for query in asked:
        began = time.perf_counter()
        look(search.search_contacts(rows, query))
        seconds.append(time.perf_counter() - began)
    return report.milliseconds(name, seconds, 0.5, 0.95)
