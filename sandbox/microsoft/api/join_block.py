"""What Teams writes below the text of a meeting on line."""

from html import escape
from typing import Any

Json = dict[str, Any]

LINE = "_" * 80


def with_join_block(body: Json, url: str) -> Json:
    """Returns the body as HTML, with how to join below it."""
    content = str(body.get("content") or "")
    if str(body.get("contentType") or "html").casefold() != "html":
        content = f"<div>{escape(content).replace(chr(10), '<br>')}</div>"
    return {
        "contentType": "html",
        "content": f"<html><body>{content}{join_block(url)}</body></html>",
    }


def join_block(url: str) -> str:
    return (
        f'<br><div style="width:100%"><span style="white-space:nowrap">{LINE}</span></div>'
        '<div class="me-email-text" lang="en-US"><div><span>Microsoft Teams meeting</span></div>'
        f'<div><a href="{url}" id="meet_invite_block.action.join_link">{url}</a></div></div>'
        f'<div style="width:100%"><span style="white-space:nowrap">{LINE}</span></div>'
    )


def has_join_block(body: Any, url: str) -> bool:
    """Returns whether it is still in a body that was written: text has no links to keep it in."""
    given = body if isinstance(body, dict) else {}
    is_html = str(given.get("contentType") or "").casefold() == "html"
    return is_html and url in str(given.get("content") or "")
