"""What may be said about a person, checked: every refusal names the field and says what to do."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from communications.errors import Refused
from communications.models import Channel, Contact, Part
from wedsync_comms.lib.text import sanitise

# In the order in which they are shown.
FACTS = (
    "name",
    "given_name",
    "family_name",
    "company",
    "roles",
    "weddings",
    "language",
    "time_zone",
    "preferred_channel",
    "notes",
    "custom",
)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MAX_NOTES = 20_000
MAX_TAGS = 30
MAX_TAG = 80
MAX_CUSTOM = 50
MAX_CUSTOM_NAME = 60
MAX_CUSTOM_TEXT = 1_000
TEXTS = {"name": 200, "given_name": 100, "family_name": 100, "company": 200, "notes": MAX_NOTES}


def checked_facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the same facts, trimmed. Raises Refused."""
    return {name: CHECKS[name](name, value) for name, value in given.items()}


def with_full_name(given: dict[str, Any], contact: Contact | None = None) -> dict[str, Any]:
    """Returns the facts with a name made of its parts where only those were given.

    A new name that does not consist of the parts known before makes these unknown. Raises Refused
    where there is no name at all.
    """
    parts = [
        given.get(part, getattr(contact, part, "")) or "" for part in ("given_name", "family_name")
    ]
    joined = " ".join(filter(None, parts))
    is_part = "given_name" in given or "family_name" in given
    if not given.get("name") and (contact is None or "name" in given or (is_part and joined)):
        name = joined or given.get("company", "")
        if not name:
            raise Refused("name", "Give a name: one is enough.")
        return given | {"name": name[: TEXTS["name"]]}
    is_other = contact is not None and given.get("name", contact.name) != contact.name
    if is_other and not is_part and joined and given["name"] != joined:
        return given | {"given_name": "", "family_name": ""}
    return given


def clean_text(field: str, value: Any) -> str:
    found = sanitise(str(value)).strip()
    if len(found) > TEXTS[field]:
        raise Refused(field, f"Keep it under {TEXTS[field]:,} characters.")
    return found


def clean_roles(field: str, value: Any) -> list[str]:
    found = list(dict.fromkeys(value))
    if wrong := [role for role in found if role not in Part.values]:
        known = ", ".join(Part.values)
        raise Refused(field, f"“{str(wrong[0])[:40]}” is no role. Known are: {known}.")
    return [str(role) for role in Part.values if role in found]


def clean_tags(field: str, value: Any) -> list[str]:
    found = list(dict.fromkeys(sanitise(str(tag)).strip() for tag in value))
    found = [tag for tag in found if tag]
    if len(found) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in found):
        raise Refused(field, f"At most {MAX_TAGS} of at most {MAX_TAG} characters each.")
    return found


def clean_language(field: str, value: Any) -> str:
    found = str(value).strip().replace("_", "-")
    if found and not LANGUAGE.fullmatch(found):
        raise Refused(field, f"“{found[:40]}” is no language: write it like en or pt-BR.")
    return found


def clean_time_zone(field: str, value: Any) -> str:
    found = str(value).strip()
    if found and found not in available_timezones():
        message = f"“{found[:64]}” is no time zone: write it like Europe/London."
        raise Refused(field, message)
    return found


def clean_channel(field: str, value: Any) -> str:
    if value and value not in Channel.values:
        raise Refused(field, f"Channels are: {', '.join(Channel.values)}.")
    return str(value or "")


def clean_custom_fields(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(field, "Write names with values, like {“table”: “7”}.")
    if len(value) > MAX_CUSTOM:
        raise Refused(field, f"At most {MAX_CUSTOM} custom fields.")
    for name, entry in value.items():
        if why := wrong(name, entry):
            raise Refused(field, why)
    return value


def wrong(name: Any, value: Any) -> str:
    if not (isinstance(name, str) and 0 < len(name.strip()) <= MAX_CUSTOM_NAME):
        return f"Names have 1 to {MAX_CUSTOM_NAME} characters."
    if not isinstance(value, str | int | float | bool | None):
        return f"“{name}” is neither a text nor a number, true, false."
    if isinstance(value, str) and len(value) > MAX_CUSTOM_TEXT:
        return f"Keep “{name}” under {MAX_CUSTOM_TEXT:,} characters."
    return ""


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(TEXTS, clean_text),
    "roles": clean_roles,
    "weddings": clean_tags,
    "language": clean_language,
    "time_zone": clean_time_zone,
    "preferred_channel": clean_channel,
    "custom": clean_custom_fields,
    "to_review": lambda _field, value: bool(value),
}
