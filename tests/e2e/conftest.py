"""One stack and one Chromium for all; each test has browsers and a mailbox world of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.browser import chromium, sign_in
from tests.e2e.stack import Stack

# Strangers' servers of the sandbox.
CARRIERS = ("resend", "twilio", "whatsapp")
PROVIDERS = (*CARRIERS, "google", "microsoft")
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        for provider in CARRIERS:
            running.sandbox("PATCH", f"/{provider}", {"receipt_delay": 0.3})
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """Cookies by login: a password takes its time to check."""
    return {}


@pytest.fixture(autouse=True)
def healed(stack: Stack) -> None:
    """Faults of one test are no business of the next."""
    for provider in PROVIDERS:
        stack.sandbox("DELETE", f"/{provider}/faults")


@pytest.fixture
def visit(stack: Stack, browser: Browser, sessions: dict[str, Any]) -> Iterator[Visit]:
    """`visit()` is the overview in a new browser, signed in as demo; so is `visit(width=390)`."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def opened(*, name: str = "demo", width: int = 1280, height: int = 860) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            storage_state=sessions.get(name),
        )
        contexts.append(context)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        page = sign_in(context, stack.url, name)
        sessions[name] = context.storage_state()
        live(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit()


def live(page: Page) -> None:
    page.wait_for_selector("#live[data-state=live]")
    page.wait_for_selector("#rows[data-state=idle]", state="attached")
