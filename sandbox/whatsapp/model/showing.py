"""What a person sees of a message, in one line of text."""

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]


def seen(kind: str, content: Any) -> str:
    if isinstance(content, dict) and kind in WORDS:
        return WORDS[kind](content)
    return f"({kind})"


def buttons(kind: str, content: Json) -> tuple[str, ...]:
    """Returns what can be tapped under it."""
    found = content.get("action", {}).get("buttons", []) if kind == "interactive" else []
    return tuple(str(button.get("reply", {}).get("title", "")) for button in found)


def _media(kind: str) -> Callable[[Json], str]:
    return lambda content: f"({kind}) {content.get('caption', '')}".strip()


def _reply(content: Json) -> str:
    for kind in ("button_reply", "list_reply"):
        if isinstance(content.get(kind), dict):
            return str(content[kind].get("title", ""))
    return "(form)" if "nfm_reply" in content else _text(content.get("body", {}))


def _text(content: Json) -> str:
    return str(content.get("body") or content.get("text") or "")


WORDS: Mapping[str, Callable[[Json], str]] = {
    "text": _text,
    "button": _text,
    "interactive": _reply,
    "reaction": lambda content: str(content.get("emoji") or "(reaction taken back)"),
    "location": lambda content: f"(location) {content.get('name', '')}".strip(),
    "system": _text,
    **{kind: _media(kind) for kind in ("image", "video", "audio", "document", "sticker")},
}
