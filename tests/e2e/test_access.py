"""Usable on a phone, with a screen reader, with an empty list and with a broken one."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import sign_in
from tests.e2e.conftest import Visit
from tests.e2e.overview import expect_status, row
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

# Everything somebody can operate, and what a screen reader would call it.
NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, textarea, iframe")]
    .filter(element => element.checkVisibility() && element.type !== "hidden")
    .filter(element => {
        const labels = [...(element.labels ?? [])].map(label => label.textContent);
        const name = [element.getAttribute("aria-label"), element.title, element.textContent]
            .concat(labels).join("").trim();
        const isField = element.matches("input, select, textarea");
        return isField ? !labels.join("").trim() : !name;
    })
    .map(element => element.outerHTML.slice(0, 120))"""
DANGLING = """() => ["aria-labelledby", "aria-describedby", "aria-controls", "for"].flatMap(name =>
    [...document.querySelectorAll(`[${name}]`)].flatMap(element =>
        element.getAttribute(name).split(/\\s+/).filter(id => !document.getElementById(id))))"""
TWICE = """() => { const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
    return ids.filter((id, place) => ids.indexOf(id) !== place); }"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOW_CONTRAST = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const over = colours => {
        canvas.fillStyle = "#fff"; canvas.fillRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        const part = value => (value /= 255) <= 0.03928
            ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
        return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
    };
    const backgrounds = element => element
        ? [...backgrounds(element.parentElement), getComputedStyle(element).backgroundColor] : [];
    const ratio = element => {
        const below = backgrounds(element);
        const [first, second] = [over(below), over([...below, getComputedStyle(element).color])];
        return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
    };
    return [...document.querySelectorAll("body *")]
        .filter(element => element.checkVisibility() && !element.closest(".unseen, .skip, svg"))
        .filter(element => [...element.childNodes].some(node =>
            node.nodeType === Node.TEXT_NODE && node.textContent.trim()))
        .filter(element => ratio(element) < 4.5)
        .map(element => `${element.textContent.trim()}: ${ratio(element).toFixed(2)}`);
}"""


def found(page: Page, script: str) -> Any:
    return page.evaluate(script)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_can_be_read(page: Page, stack: Stack, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    stack.send("named@guests.example", f"A name in the {scheme}")
    expect_status(page, f"A name in the {scheme}", "delivered")
    row(page, f"A name in the {scheme}").locator("button").click()
    expect(page.locator("#detail .timeline")).to_be_visible()
    for panel in ("detail", "compose"):
        if panel == "compose":
            page.locator("#write").click()
            page.locator("#options-more summary").click()
        assert found(page, NAMELESS) == []
        assert found(page, DANGLING) == []
        assert found(page, TWICE) == []
        assert found(page, LOW_CONTRAST) == []


def test_the_page_has_landmarks_and_one_main_heading(page: Page) -> None:
    for role in ("banner", "navigation", "main", "search"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Messages")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()


def test_it_fits_a_phone(visit: Visit, stack: Stack) -> None:
    page = visit(width=390, height=844)
    stack.send("a.very.long.address.indeed@guests-of-the-day.example", "A long line " * 8)
    expect(row(page, "A long line")).to_be_visible()
    assert found(page, OVERFLOW) == 0
    row(page, "A long line").locator("button").click()
    expect(page.locator("#detail .timeline")).to_be_visible()
    assert found(page, OVERFLOW) == 0
    page.keyboard.press("Escape")
    page.locator("#write").click()
    expect(page.locator("#compose")).to_be_visible()
    assert found(page, OVERFLOW) == 0


def test_filters_show_what_fits_and_nothing_else(page: Page, stack: Stack) -> None:
    stack.send("find.me@guests.example", "A needle")
    expect_status(page, "A needle", "delivered")
    page.locator("#search").fill("find.me")
    expect(page.locator("#rows > li")).to_have_count(1)
    page.locator("#status").select_option("bounced")
    expect(page.locator(".blank-title")).to_have_text("Nothing found")
    page.get_by_role("button", name="Clear the filters").click()
    expect(row(page, "A needle")).to_be_visible()


def test_a_list_that_cannot_be_loaded_says_so(page: Page) -> None:
    def break_down(route: Route) -> None:
        route.fulfill(status=500, body="")

    page.route("**/api/messages/?*", break_down)
    page.reload()
    # It tries again by itself as soon as it is live; that fails as well.
    page.wait_for_selector("#live[data-state=live]")
    page.wait_for_selector("#rows[data-state=failed]", state="attached")
    expect(page.locator(".blank-title")).to_have_text("The messages could not be loaded")
    page.unroute("**/api/messages/?*", break_down)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".blank-title")).to_be_hidden()


def test_a_session_that_ended_is_said_to_have_ended(page: Page) -> None:
    page.context.clear_cookies()
    page.context.set_offline(True)
    page.context.set_offline(False)
    expect(page.locator("#live")).to_have_text("Signed out")
    expect(page.get_by_role("link", name="Sign in again to go on.")).to_be_visible()


def test_a_login_without_an_organization_is_told_what_to_do(visit: Visit, stack: Stack) -> None:
    stack.python(
        "from django.contrib.auth.models import User;"
        "User.objects.create_user('lonely', password='demo', is_staff=True)",
    )
    context = visit().context.browser
    assert context is not None
    page = sign_in(context.new_context(), stack.url, "lonely")
    expect(page.get_by_role("heading", level=1)).to_have_text("You belong to no organization yet")
    page.context.close()
