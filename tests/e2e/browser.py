"""The Chromium of this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Milliseconds that anything may take to show up, on a machine that is busy with other things too.
PATIENCE = 30_000
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError("No Chromium was found: install one, or name it in CHROMIUM.")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(context: BrowserContext, url: str, name: str = "demo") -> Page:
    """A page of the overview, as somebody. All have the same password.

    One that is signed in already is not asked for it.
    """
    page = context.new_page()
    page.goto(url)
    if page.url == f"{url}/":
        return page
    page.fill("[name=username]", name)
    page.fill("[name=password]", "demo")
    page.click("button[type=submit]")
    page.wait_for_url(f"{url}/")
    return page
