"""Google's descriptions, which "can contain HTML", and our plain text.

https://developers.google.com/workspace/calendar/api/v3/reference/events#description
"""

import re
from html import escape, unescape
from html.parser import HTMLParser

# What Google's own editor and mail programs write. Anything else in angle brackets is meant.
TAGS = (
    "a|b|blockquote|body|br|div|em|font|h[1-6]|head|hr|html|html-blob|i|img|li|meta|ol|p|pre|s|"
    "span|strike|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|tt|u|ul"
)
TAG = re.compile(rf"</?({TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
# Above what Google keeps. Each tag that does not end has the parser look at all that follows: of a
# longer text only the tags are taken off, which looks at each character once.
MAX_PARSED = 10_000
# They begin on a line of their own, and what follows does so too.
BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "ul"}
LINES = BLOCKS | {"li", "tr"}
HIDDEN = {"head", "style", "title"}
MANY_LINES = re.compile(r"\n{3,}")


class TextOfHtml(HTMLParser):
    """Collects what a person reads of it: lines, points of lists, and where links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[tuple[str, int]] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in HIDDEN
        if tag == "br":
            self.parts.append("\n")
        elif tag in LINES:
            self.begin_line()
        if tag == "li":
            self.parts.append("- ")
        if tag == "a":
            self.links.append((dict(attrs).get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in HIDDEN and self.hidden > 0
        if tag in BLOCKS:
            self.begin_line()
        if tag == "a" and self.links:
            address, since = self.links.pop()
            shown = "".join(self.parts[since:])
            if address.startswith(("http://", "https://")) and address not in shown:
                self.parts.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data.replace("\xa0", " "))

    def begin_line(self) -> None:
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")


def is_html(text: str) -> bool:
    return bool(TAG.search(text) or ENTITY.search(text))


def text_of_description(description: str) -> str:
    """Returns what a person reads; a description without any HTML as it is."""
    if not is_html(description):
        return description
    if not TAG.search(description):
        return unescape(description).replace("\xa0", " ")
    if len(description) > MAX_PARSED:
        text = unescape(TAG.sub(without_tag, description)).replace("\xa0", " ")
    else:
        text = parsed_text(description)
    lines = text.splitlines()
    return MANY_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def parsed_text(description: str) -> str:
    reader = TextOfHtml()
    reader.feed(description)
    reader.close()
    return "".join(reader.parts)


def without_tag(tag: re.Match[str]) -> str:
    """Returns what stands in place of a tag: a new line for what begins one."""
    return "\n" if tag[1].lower() in LINES | {"br"} and not tag[0].startswith("</") else ""


def description_of_text(text: str) -> str:
    """Returns it for Google: only what would be taken for HTML is put so that it is not."""
    return escape(text, quote=False) if is_html(text) else text
