"""From nothing to one address book: linked, read with progress, changed on either side."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import contacts
from tests.e2e.conftest import Visit
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

COUNT = 20


def test_a_linked_book_arrives_and_both_sides_become_the_same(stack: Stack, visit: Visit) -> None:
    page = visit()
    name = "Isla García"
    contacts.forget_books(stack)
    total = contacts.add(stack, "google", COUNT)

    contacts.connect(page, stack, "google")
    contacts.arrive(page, total)
    book = page.url
    # What only we have is written there. Long enough for a page that looks every two seconds.
    slow = {"seconds": 3.0, "count": 2, "only": ["POST /v1/people:createContact"]}
    stack.sandbox("PUT", "/google/faults", {"latency": slow})
    contacts.use(page, "both")
    # Counted up while one looks; the page is not loaded again.
    expect(page.locator("#progress")).to_contain_text(re.compile(r"Writing: \d of \d+, \d+ left"))
    expect(page.locator("#progress")).to_contain_text("up to date")

    contacts.edit_here(page, stack, name, notes="Vegan, and allergic to lilies")
    contacts.edit_there(page, stack, "google", name, company="García & Daughters")
    page.goto(book)
    contacts.synchronise(page)

    both = {"notes": "Vegan, and allergic to lilies", "company": "García & Daughters"}
    contacts.converge(stack, "google", name, **both)


def test_what_a_vendor_announces_arrives_by_itself(stack: Stack, visit: Visit) -> None:
    page = visit()
    name = "Mei Brandt"
    total = contacts.add(stack, "microsoft", 12)

    contacts.connect(page, stack, "microsoft")
    contacts.arrive(page, total)
    contacts.edit_there(page, stack, "microsoft", name, company="Brandt Catering")

    contacts.converge(stack, "microsoft", name, company="Brandt Catering")
