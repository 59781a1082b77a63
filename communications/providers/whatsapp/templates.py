"""Texts that Meta approves: its list, and its news about them."""

from collections.abc import Iterator, Mapping
from typing import Any

from communications.providers.whatsapp.template_parts import template_variables
from communications.vocabulary.events import Event, TemplateChanged, TemplateText
from wedsync_comms.lib.shapes import as_dict, as_dicts

# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/message_template_status_update
# Words after which it may be sent (again), and those that say something else: at risk of being
# disabled, not to be edited. Only what is left of Meta's words means that it may not be sent.
USABLE = {"APPROVED", "REINSTATED", "UNARCHIVED"}
STILL_USABLE = {"FLAGGED", "LOCKED", "UNLOCKED"}
UNUSABLE = {
    *("ARCHIVED", "DELETED", "DISABLED", "IN_APPEAL", "LIMIT_EXCEEDED", "PAUSED", "PENDING"),
    *("PENDING_DELETION", "REJECTED"),
}
APPROVED = "APPROVED"


def approval_of(word: str) -> str:
    """Returns what a status in Meta's list means; a word that nobody knows yet stays as it is."""
    return APPROVED if word.upper() in USABLE | STILL_USABLE else word


def new_approval(word: str) -> str:
    """Returns what an event makes of a template's approval; blank where it changes nothing, or is
    of a kind that nobody knows yet: then the list tells."""
    if word.upper() in USABLE:
        return APPROVED
    return word.upper() if word.upper() in UNUSABLE else ""


def as_template_text(template: Mapping[str, Any]) -> TemplateText:
    """Returns a template as Meta lists it in our words; what is missing there is blank."""
    parts = {
        str(part.get("type", "")).upper(): part for part in as_dicts(template.get("components"))
    }
    variables, unsendable = template_variables(template)
    return TemplateText(
        name=str(template.get("name", "")),
        language=str(template.get("language", "")),
        category=str(template.get("category", "")),
        approval=approval_of(str(template.get("status", ""))),
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
        approval=new_approval(str(value.get("event") or "")),
        quality=str(value.get("new_quality_score") or ""),
        category=str(value.get("new_category") or ""),
    )
