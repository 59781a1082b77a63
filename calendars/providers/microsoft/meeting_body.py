"""The part of an event's text that Outlook writes itself: how to join its meeting on line.

Whoever replaces the body without it ends the meeting.
https://learn.microsoft.com/en-us/graph/api/event-update#notes-for-updating-specific-properties
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from wedsync_comms.lib.shapes import as_dict, as_text

# Between what people write and how to join. Seen with 80 of them, and with fewer in other tongues.
LINE = re.compile(r"_{20,}")
END_OF_BODY = re.compile(r"</body>", re.IGNORECASE)
HOSTS = ("teams.microsoft.com", "teams.live.com")
TAG_BEFORE = ("<div", "<p", "<span", "<hr")


def meeting_url(item: Mapping[str, Any]) -> str:
    """Returns where the meeting is joined; blank: it is none on line."""
    meeting = as_text(as_dict(item.get("onlineMeeting")).get("joinUrl"))
    return meeting or as_text(item.get("onlineMeetingUrl"))


def text_without_meeting(text: str, item: Mapping[str, Any]) -> str:
    """Returns what people wrote into a body that was read as text."""
    url = meeting_url(item)
    block = meeting_begins(text, url) if url else -1
    return text if block < 0 else text[:block].rstrip()


def meeting_begins(body: str, url: str) -> int:
    """Returns where the line above the meeting's part is; -1 where there is none.

    People put the same link into their own words, above the part and below it: it is the last one
    between two lines that counts.
    """
    lines = [line.start() for line in LINE.finditer(body)]
    parts = list(pairwise([*lines, len(body)]))
    between, below = parts[:-1], parts[-1:]
    if begins := parts_with(body, between, url) or parts_with(body, below, url):
        return begins[-1]
    # Safe links and other rewriting: the address is there, but not word for word. Options of the
    # meeting have the same host, and come after it.
    begins = parts_with(body, between, *HOSTS) or parts_with(body, below, *HOSTS)
    return begins[0] if begins and url else -1


def parts_with(body: str, parts: Sequence[tuple[int, int]], *words: str) -> list[int]:
    """Returns where those parts of a body begin that have one of the words."""
    return [
        begin
        for begin, end in parts
        if any(word and body.find(word, begin, end) >= 0 for word in words)
    ]


def html_with_meeting(description: str, html: str, url: str) -> str:
    """Returns a body of ours with the meeting's part of Outlook's own `html` below it."""
    return f"<html><body>{html_of_text(description)}{meeting_html(html, url)}</body></html>"


def meeting_html(html: str, url: str) -> str:
    """Returns the meeting's part; a link to it where the part cannot be told from the rest."""
    line = meeting_begins(html, url)
    if line < 0:
        address = escape(url)
        return f'<div>{"_" * 80}</div><div><a href="{address}">{address}</a></div>'
    begins = max(html.rfind(tag, 0, line) for tag in TAG_BEFORE)
    end = END_OF_BODY.search(html, line)
    return html[max(begins, 0) if begins >= 0 else line : end.start() if end else len(html)]


def html_of_text(text: str) -> str:
    lines = escape(text, quote=False).replace("\n", "<br>\n")
    return f'<div class="PlainText">{lines}</div>' if text else ""
