"""The pictures of the address book: the list, one contact, two that may be one, a file with errors,
and a vendor's book that is kept the same.

`python -m tests.e2e.contact_pictures docs/images`
"""

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e import calendars, contacts
from tests.e2e.browser import sign_in
from tests.e2e.pictures import main
from tests.e2e.stack import Stack

WIDE: ViewportSize = {"width": 1360, "height": 1000}
AMELIA, NUMBER = "amelia@hart-wedding.example", "+447700900101"
WEDDINGS = {"hart": "Hart & Lindqvist 2027", "okafor": "Okafor & Bell 2027"}
# Name, company, role, wedding, channel, address.
BOOK = (
    ("Theo Lindqvist", "", "couple", "hart", "email", "theo@hart-wedding.example"),
    ("Priya Nair", "", "guest", "hart", "whatsapp", "+447700900151"),
    ("Zoë Müller", "", "guest", "hart", "email", "zoe.mueller@guests.example"),
    ("Grace Okafor", "", "couple", "okafor", "email", "grace@okafor.example"),
    ("Larkspur Barn", "Larkspur Barn Ltd", "venue", "hart", "email", "events@larkspur.example"),
    ("Tomás García", "García Catering", "supplier", "okafor", "sms", "+447700900152"),
    ("Ines Duarte", "Duarte Strings", "supplier", "hart", "email", "ines@duarte.example"),
)
# The same number, and names that contradict each other: for a person to judge.
TWICE: tuple[dict[str, Any], ...] = (
    {
        "name": "Fleur Adams",
        "company": "Fleur & Stem",
        "roles": ["supplier"],
        "weddings": ["Hart & Lindqvist 2027"],
        "language": "en",
        "notes": "Peonies only until June.",
        "addresses": [
            {"channel": "sms", "value": "+447700900160"},
            {"channel": "email", "value": "fleur@fleurandstem.example"},
        ],
    },
    {
        "given_name": "Fleur",
        "family_name": "Adamson",
        "company": "Fleur & Stem Flowers Ltd",
        "roles": ["supplier", "guest"],
        "weddings": ["Okafor & Bell 2027"],
        "language": "en-GB",
        "notes": "Closed on Mondays.",
        "addresses": [{"channel": "whatsapp", "value": "+447700900160"}],
    },
)
FILE = """First name;Last name;Mobile;E-mail;Role;Wedding;Language
Ruben;Castillo;07700 900171;ruben.castillo@guests.example;guest;Hart & Lindqvist 2027;es
Lena;Fischer;0049 30 901820;lena.fischer@guests.example;guest;Hart & Lindqvist 2027;de
Tom;Okafor;07700 9;tom.okafor@guests.example;guest;Hart & Lindqvist 2027;en
Amelia;Hart;07700 900101;amelia@hart-wedding.example;couple;Hart & Lindqvist 2027;en
Ivy;Marsh;;ivy.marsh@guests;bridesmaid;Hart & Lindqvist 2027;en
;;;;guest;Hart & Lindqvist 2027;en
Sam;Whitlock;07700 900172;sam.whitlock@guests.example;guest;Hart & Lindqvist 2027;english please
"""


def take(stack: Stack, browser: Browser, folder: Path) -> None:
    populate(stack)
    page = sign_in(browser.new_context(viewport=WIDE), stack.url)
    arriving(stack, page, folder)
    talk(stack, page)
    for name, path in pages(stack, page).items():
        page.goto(f"{stack.url}{path}")
        page.wait_for_timeout(1_000)
        page.screenshot(path=folder / f"{name}.png")


def populate(stack: Stack) -> None:
    for name, company, role, wedding, channel, value in BOOK:
        body = {
            "name": name,
            "company": company,
            "roles": [role],
            "weddings": [WEDDINGS[wedding]],
            "addresses": [{"channel": channel, "value": value}],
        }
        stack.api("POST", "/contacts/", body)
    for pair in TWICE:
        stack.api("POST", "/contacts/", pair)
    about = {"roles": ["couple"], "weddings": [WEDDINGS["hart"]], "notes": "Vegan. Ring after six."}
    stack.api("PATCH", f"/contacts/{contacts.here(stack, 'Amelia Hart')['id']}/", about)
    stack.python(
        "from communications.book import duplicates\n"
        "from communications.models import Organization\n"
        "duplicates.compare_pending(Organization.objects.get())",
    )


def arriving(stack: Stack, page: Page, folder: Path) -> None:
    """A first synchronisation, while it runs."""
    # Enough of them that it still runs when the page is there.
    contacts.add(stack, "google", 200)
    contacts.connect(page, stack, "google")
    expect(page.locator("#progress progress[max]")).to_be_visible()
    page.screenshot(path=folder / "address-book.png")
    expect(page.locator("#progress")).to_contain_text("up to date")


def talk(stack: Stack, page: Page) -> None:
    """Amelia has been written to, has answered, and comes to a tasting."""
    stack.send(AMELIA, "The tasting is on Friday at three", body="Six courses, and the wines.")
    stack.send(NUMBER, "", channel="sms", body="Tomorrow at three: the tasting, at the barn.")
    time.sleep(2)
    stack.writes("sms", NUMBER, "Lovely! Can Theo’s mother come too?")
    calendars.fill(page, stack, "Menu tasting", "Amelia")
    calendars.choose(page, day=1, slot=1)
    calendars.book(page)


def pages(stack: Stack, page: Page) -> dict[str, str]:
    """Where each picture is taken."""
    page.goto(f"{stack.url}/admin/communications/pair/")
    pair = page.locator("#result_list a", has_text="Fleur").first.get_attribute("href") or ""
    amelia = contacts.here(stack, "Amelia Hart")["id"]
    return {
        "contacts": "/admin/communications/contact/",
        "contact": f"/admin/communications/contact/{amelia}/change/",
        "duplicate": pair.partition("?")[0],
        "import": upload(stack, page),
    }


def upload(stack: Stack, page: Page) -> str:
    page.goto(f"{stack.url}/admin/communications/import/add/")
    file: Any = {"name": "guests.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    page.locator(".ws-lines").wait_for()
    return page.url.removeprefix(stack.url)


if __name__ == "__main__":
    main(take)
