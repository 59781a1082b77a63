"""Texts that Meta approves: its list, and its news about them."""

from collections.abc import Iterator, Mapping
from typing import Any

from communications.providers.whatsapp.template_parts import needed_variables
from communications.vocabulary.events import Event, TemplateChanged, TemplateText
from communications.vocabulary.template_approval import approval_after, approval_in_list
from wedsync_comms.lib.shapes import as_dict, as_dicts


def as_template_text(template: Mapping[str, Any]) -> TemplateText:
    """Returns a template as Meta lists it in our words; what is missing there is blank."""
    parts = {
        str(part.get("type", "")).upper(): part for part in as_dicts(template.get("components"))
    }
    variables, unsendable = needed_variables(template)
    return TemplateText(
        name=str(template.get("name", "")),
        language=str(template.get("language", "")),
        category=str(template.get("category", "")),
        approval=approval_in_list(str(template.get("status", ""))),
        quality=str(as_dict(template.get("quality_score")).get("score", "")),
        body=str(parts.get("BODY", {}).get("text", "")),
        variables=variables,
        unsendable=unsendable,
    )


def template_events(value: dict[str, Any]) -> Iterator[Event]:
    """Yields what changed about a template.

    https://developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components
    """
    yield TemplateChanged(
        name=str(value.get("message_template_name", "")),
        language=str(value.get("message_template_language", "")),
        approval=approval_after(str(value.get("event") or "")),
        quality=str(value.get("new_quality_score") or ""),
        category=str(value.get("new_category") or ""),
    )
