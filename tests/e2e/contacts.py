"""Contacts as staff keeps them in the admin, and as their owner does in the vendor's own app."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.stack import Stack, eventually

VENDORS = {"google": "Google", "microsoft": "Outlook"}


def forget_books(stack: Stack) -> None:
    """Whatever was linked before, the next time is the first."""
    stack.python("from calendars.models import ContactBook\nContactBook.objects.all().delete()")


def add(stack: Stack, vendor: str, count: int) -> int:
    """So many more in the vendor's book; returns how many there are now."""
    made = stack.sandbox("POST", f"/{vendor}/people", {"count": count})
    people: int = made["people"]
    return people


def connect(page: Page, stack: Stack, vendor: str) -> None:
    """Two clicks, and a third to see how far its contacts are."""
    page.goto(f"{stack.url}/admin/calendars/account/")
    page.get_by_role("button", name=f"Connect {VENDORS[vendor]}").click()
    allow = page.get_by_role("button", name="Allow").or_(page.get_by_role("button", name="Accept"))
    allow.first.click()
    page.get_by_role("link", name="Its contacts").click()


def use(page: Page, direction: str) -> None:
    page.get_by_label("Direction").select_option(direction)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def arrive(page: Page, count: int) -> None:
    """The page is not loaded again."""
    progress = page.locator("#progress")
    expect(progress).to_contain_text(f"{count} contacts linked")
    expect(progress).to_contain_text("up to date")


def synchronise(page: Page) -> None:
    page.get_by_role("button", name="Synchronise now").click()
    expect(page.get_by_text("It begins.")).to_be_visible()


def edit_here(page: Page, stack: Stack, name: str, notes: str) -> None:
    page.goto(f"{stack.url}/admin/communications/contact/{here(stack, name)['id']}/change/")
    page.get_by_label("Notes").fill(notes)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def edit_there(page: Page, stack: Stack, vendor: str, name: str, company: str) -> None:
    page.goto(f"{stack.sandbox_url}/#contacts")
    page.get_by_role("button", name=VENDORS[vendor], exact=True).click()
    page.get_by_label("Find a person").fill(name)
    page.locator(".row", has_text=name).first.click()
    page.get_by_label("Company").fill(company)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".row", has_text=company)).to_be_visible()


def here(stack: Stack, name: str) -> Any:
    people = stack.api("GET", f"/contacts/?name={name}")["results"]
    return next(person for person in people if person["name"] == name)


def there(stack: Stack, vendor: str, name: str) -> Any:
    people = stack.sandbox("GET", f"/{vendor}/people")["people"]
    return next(person for person in people if person["name"] == name)


def converge(stack: Stack, vendor: str, name: str, **fields: str) -> None:
    """Both sides say so."""

    def same() -> bool:
        persons = (here(stack, name), there(stack, vendor, name))
        return all(person[field] == value for person in persons for field, value in fields.items())

    eventually(same, f"{name} is the same on both sides")
