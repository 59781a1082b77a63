"""Descriptions in HTML, and the part of a body that Outlook writes itself."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendars.providers import responses
from calendars.providers.base import CursorExpired
from calendars.providers.google.descriptions import description_of_text, text_of_description
from calendars.providers.microsoft.calls import GraphCalls
from calendars.providers.microsoft.meeting_body import (
    html_with_meeting,
    meeting_url,
    text_without_meeting,
)
from calendars.providers.responses import EndlessPages, token_pages
from sandbox.microsoft.api.join_block import has_join_block, with_join_block

URL = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_1%40thread.v2/0"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Bring forks", "Bring forks"),
        ("a < b & c > d", "a < b & c > d"),
        ("<b>Cake</b><br>Two kinds", "Cake\nTwo kinds"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("Fish &amp; chips", "Fish & chips"),
        ("<ul><li>Lilies</li><li>Roses</li></ul>", "- Lilies\n- Roses"),
        ('See <a href="https://e.com/menu">the menu</a>', "See the menu (https://e.com/menu)"),
        ('<a href="https://e.com">https://e.com</a>', "https://e.com"),
        ("<html-blob><u>Zoom</u><br>4711</html-blob>", "Zoom\n4711"),
        ("call <me> maybe", "call <me> maybe"),
    ],
)
def test_descriptions_are_read_as_people_read_them(html: str, text: str) -> None:
    assert text_of_description(html) == text


@given(st.lists(st.sampled_from([*"ab<>&/; \n", "<b>", "&amp;", "<br>"])).map("".join))
def test_what_we_write_into_a_description_is_what_is_read_again(text: str) -> None:
    assert text_of_description(description_of_text(text)).split() == text.split()


@pytest.mark.parametrize("piece", ["<a x='", "<a ", '<a x="', "<!--", "<i <b"])
def test_tags_without_an_end_take_no_longer_than_others(piece: str) -> None:
    """Where each is looked at up to the end of all, 50 kB keep a worker for seconds."""
    started = time.process_time()
    text_of_description("<b>" + piece * 8_000)
    assert time.process_time() - started < 1


def test_of_a_very_long_description_the_tags_are_taken_off() -> None:
    html = '<p>Fish &amp; <a href="https://e.com">chips</a></p><br/>' + "<div>x</div>" * 1_000
    lines = text_of_description(html).split("\n")
    assert lines[0] == "Fish & chips"
    assert lines[-1000:] == ["x"] * 1_000


def test_the_meetings_part_is_no_description_of_ours_and_survives_a_new_one() -> None:
    item = {"onlineMeeting": {"joinUrl": URL}}
    assert meeting_url(item) == URL
    html = with_join_block({"contentType": "text", "content": "Old"}, URL)["content"]
    text = f"Old\n\n{'_' * 80}\nMicrosoft Teams meeting\n{URL}\n{'_' * 80}"
    assert text_without_meeting(text, item) == "Old"
    assert text_without_meeting(text, {}) == text
    assert text_without_meeting(f"{URL} only", item) == f"{URL} only"
    written = html_with_meeting("New & better", html, URL)
    assert "New &amp; better" in written
    assert "Old" not in written
    assert has_join_block({"contentType": "html", "content": written}, URL)
    assert written.count("_" * 80) == html.count("_" * 80)
    assert URL in html_with_meeting("New", "<p>nothing of it</p>", URL)


LINE = "_" * 80
BLOCK = f"{LINE}\nMicrosoft Teams meeting\nJoin: {URL}\n{'_' * 32}\nFor organizers: options\n{LINE}"
REWRITTEN = BLOCK.replace(URL, "https://safe.example/?u=teams.microsoft.com/meet")


@pytest.mark.parametrize("block", [BLOCK, REWRITTEN], ids=["url", "domain"])
@pytest.mark.parametrize(
    "description",
    [
        "Bring forks",
        f"Join here: {URL}",
        f"{URL}\n{URL}\nor by phone",
        "See https://teams.microsoft.com/x",
        f"Menu\n{'_' * 40}\nLilies",
    ],
)
def test_a_link_to_the_meeting_in_a_description_is_not_the_meetings_part(
    description: str, block: str
) -> None:
    item = {"onlineMeeting": {"joinUrl": URL}}
    assert text_without_meeting(f"{description}\n{block}", item) == description
    html = f"<html><body><div>{description}</div><div>{block}</div></body></html>"
    written = html_with_meeting("New", html, URL)
    assert (
        written == f'<html><body><div class="PlainText">New</div><div>{block}</div></body></html>'
    )


def test_what_is_written_below_the_meetings_part_does_not_hide_it() -> None:
    item = {"onlineMeeting": {"joinUrl": URL}}
    assert text_without_meeting(f"Cake\n{BLOCK}\nAgain: {URL}", item) == "Cake"


def test_pages_without_an_end_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MAX_PAGES", 5)
    with pytest.raises(EndlessPages):
        list(token_pages(lambda token: {"next": f"{token}x"}, "next"))
    calls = object.__new__(GraphCalls)
    monkeypatch.setattr(
        calls, "follow", lambda link: {"@odata.nextLink": f"{link}x"}, raising=False
    )
    with pytest.raises(CursorExpired, match="no end"):
        list(calls.onward({"@odata.nextLink": "x"}))
