"""Which template, and the values for its places, as staff types them."""

import re
from collections.abc import Sequence

from django.db.models import QuerySet

from communications.composing import template_values
from communications.composing.placeholders import VARIABLE
from communications.composing.template_choice import SENDABLE
from communications.models import Channel, Template
from communications.providers import registry
from wedsync_comms.lib.admin_kit.scope import Scope

NAMED = re.compile(r"(\w+)\s*:\s*(.*)")


def usable_templates(scope: Scope) -> QuerySet[Template]:
    """Those that may be sent now; at WhatsApp, only what Meta approved."""
    mine = scope.rows(Template.objects.filter(channel__in=registry.routed_channels()))
    return mine.exclude(~SENDABLE, channel=Channel.WHATSAPP).order_by("channel", "name", "language")


def template_label(template: Template) -> str:
    begins = " ".join(template.body.split())[:60]
    language = f" ({template.language})" if template.language else ""
    asked = ", ".join(asked_names(template))
    wants = f" [{asked}]" if asked else ""
    return f"{template.get_channel_display()} · {template.name}{language}: {begins}{wants}"


def asked_names(template: Template | None) -> list[str]:
    """What a template wants to be filled in, in its order; nothing where there is none."""
    variables = template_values.template_variables(template) if template else []
    return [variable.name for variable in variables if variable.name]


def asked_in_texts(texts: Sequence[str]) -> list[str]:
    """What is to be filled in, each once, in its order."""
    return list(dict.fromkeys(name for text in texts for name in VARIABLE.findall(text)))


def typed_values(typed: str, names: Sequence[str]) -> dict[str, str]:
    """A value a line: for the place it names, like “couple: Ann & Theo”, or else for the next."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, typed.splitlines())):
        named = NAMED.fullmatch(line)
        if named and named[1] in names:
            found[named[1]] = named[2]
        elif left := [name for name in names if name not in found]:
            found[left[0]] = line
    return found
