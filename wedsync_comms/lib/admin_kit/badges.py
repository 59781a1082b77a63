"""Colours and icons, always beside words."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from unfold.decorators import display

F = TypeVar("F", bound=Callable[..., object])


def coloured_label(text: str, variant: str) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": variant})


def icon_with_text(name: str, text: str) -> SafeString:
    """An icon before a text that says the same."""
    return format_html(
        '<span class="ws-icon-text"><span class="material-symbols-outlined md-18"'
        ' aria-hidden="true">{}</span>{}</span>',
        name,
        text,
    )


def time_tag(value: datetime | None) -> SafeString | str:
    if value is None:
        return "–"
    local = localtime(value)
    return format_html(
        '<time class="ws-moment" datetime="{}">{}</time>',
        local.isoformat(),
        date_format(local, "j M Y, H:i"),
    )


def clamped_text(text: str) -> SafeString | str:
    """At most two lines of it."""
    return format_html('<span class="ws-clamp">{}</span>', text) if text else "–"


def column(title: str, *, label: Mapping[Any, str] | None = None) -> Callable[[F], F]:
    """A method as a column. With `label`, its value, or the first of a pair, chooses the colour."""

    def mark(method: F) -> F:
        marked: F = display(method, description=title, label=label)
        return marked

    return mark
