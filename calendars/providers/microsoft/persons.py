"""Microsoft's contacts, and our people, in each other's words.

https://learn.microsoft.com/en-us/graph/api/resources/contact
"""

from collections.abc import Mapping, Sequence
from typing import Any

from calendars.providers.base import Gone
from calendars.providers.microsoft.properties import KEY, own_properties
from calendars.providers.responses import instant_or_none, malformed_answer
from calendars.vocabulary.events import RemotePerson, Removed
from wedsync_comms.lib.shapes import as_dicts, as_text

# How many addresses and numbers a contact takes:
# https://support.microsoft.com/office/add-a-contact-e1dc4548-3bd6-4644-aecd-47b5728f7b0d
MAX_EMAILS = 3
PHONES = {"mobilePhone": 1, "businessPhones": 2, "homePhones": 2}
KINDS = {"mobilePhone": "cell", "businessPhones": "work", "homePhones": "home"}
# In which order they are filled with numbers of a kind.
ROOMS = {
    "work": ("businessPhones", "homePhones", "mobilePhone"),
    "home": ("homePhones", "businessPhones", "mobilePhone"),
}
USUAL_ROOMS = ("mobilePhone", "businessPhones", "homePhones")

# --- theirs into ours ---------------------------------------------------------------------------


def read_graph_contact(graph_contact: Mapping[str, Any]) -> RemotePerson | Removed:
    """Raises TransientError for a contact without an id."""
    remote_id = as_text(graph_contact.get("id"))
    if not remote_id:
        raise malformed_answer("A contact without an id.")
    if "@removed" in graph_contact:
        return Removed(id=remote_id)
    in_folder = as_text(graph_contact.get("parentFolderId"))
    return RemotePerson(
        id=remote_id,
        etag=as_text(graph_contact.get("@odata.etag")),
        name=as_text(graph_contact.get("displayName")),
        given_name=as_text(graph_contact.get("givenName")),
        family_name=as_text(graph_contact.get("surname")),
        emails=tuple(
            filter(None, (as_text(e.get("address")) for e in graph_emails(graph_contact)))
        ),
        phones=tuple(
            number for numbers in graph_phones(graph_contact).values() for number in numbers
        ),
        phone_kinds={
            number: KINDS[name]
            # The last one stands: a mobile that is also their number at home is a mobile.
            for name, numbers in reversed(graph_phones(graph_contact).items())
            for number in numbers
        },
        company=as_text(graph_contact.get("companyName")),
        notes=as_text(graph_contact.get("personalNotes")).replace("\r\n", "\n").strip(),
        groups=(in_folder,) if in_folder else (),
        key=own_properties(graph_contact)[KEY],
        updated_at=instant_or_none(graph_contact.get("lastModifiedDateTime")),
        raw=dict(graph_contact),
    )


def undeleted_contact(person: RemotePerson | Removed) -> RemotePerson:
    if isinstance(person, Removed):
        raise Gone("The contact was deleted.", code="deleted")
    return person


def graph_emails(graph_contact: Mapping[str, Any]) -> list[dict[str, Any]]:
    return as_dicts(graph_contact.get("emailAddresses"))


def graph_phones(graph_contact: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the numbers by the field they are in; the mobile number is no list there."""
    phones = {}
    for field in PHONES:
        value = graph_contact.get(field)
        given = value if isinstance(value, list) else [value]
        phones[field] = [number for number in given if isinstance(number, str) and number]
    return phones


# --- ours into theirs ---------------------------------------------------------------------------


def graph_contact_fields(person: RemotePerson, item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns Graph's fields; numbers stay where they are in `item`, which is how Graph has it.

    Of what Graph has no room for, the first is written; the rest is ours alone.
    """
    names = {as_text(email.get("address")).lower(): email for email in graph_emails(item)}
    placed = placed_phones(person.phones, graph_phones(item), person.phone_kinds)
    return {
        "displayName": person.name,
        "givenName": person.given_name,
        "surname": person.family_name,
        "companyName": person.company,
        "personalNotes": person.notes,
        "emailAddresses": [
            {
                "name": as_text(names.get(email.lower(), {}).get("name")) or person.name,
                "address": email,
            }
            for email in person.emails[:MAX_EMAILS]
        ],
        "mobilePhone": next(iter(placed["mobilePhone"]), None),
        "businessPhones": placed["businessPhones"],
        "homePhones": placed["homePhones"],
    }


def placed_phones(
    numbers: Sequence[str],
    present: Mapping[str, Sequence[str]],
    kinds: Mapping[str, str],
) -> dict[str, list[str]]:
    """Places numbers: those that are there stay where they are, new ones go where there is room.

    A number of a kind goes into its own field first. What finds no room is left out.
    """
    placed = {name: [number for number in present[name] if number in numbers] for name in PHONES}
    settled = {number for field in placed.values() for number in field}
    for number in numbers:
        rooms = ROOMS.get(kinds.get(number, ""), USUAL_ROOMS)
        free = [name for name in rooms if len(placed[name]) < PHONES[name]]
        if free and number not in settled:
            placed[free[0]].append(number)
    return placed
