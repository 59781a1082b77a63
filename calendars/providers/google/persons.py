"""Google's people, and ours, in each other's words.

https://developers.google.com/people/api/rest/v1/people
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from calendars.providers.base import Gone
from calendars.providers.google.properties import KEY
from calendars.providers.responses import (
    instant_or_none,
    malformed_answer,
)
from calendars.vocabulary.events import (
    RemotePerson,
    Removed,
)
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_text

# The user's own, before what the person says in a profile:
# https://developers.google.com/people/api/rest/v1/people#sourcetype
OWN_SOURCE = "CONTACT"
# https://developers.google.com/people/api/rest/v1/people#phonenumber
KINDS = {
    "mobile": "cell",
    "workMobile": "cell",
    "home": "home",
    "work": "work",
    "main": "main",
    "homeFax": "fax",
    "workFax": "fax",
    "otherFax": "fax",
    "pager": "fax",
    "workPager": "fax",
}
# What Google makes of the parts of a name; the parts we do not know are carried as they are.
COMPUTED_NAMES = {
    "metadata",
    "displayName",
    "displayNameLastFirst",
    "unstructuredName",
    "givenName",
    "familyName",
}
# What belongs to a name as a whole, also to one that Google takes apart by itself.
PARTS_OF_ONE_NAME = {"honorificPrefix", "middleName", "honorificSuffix"}

# --- theirs into ours ---------------------------------------------------------------------------


def read_google_person(google_person: Mapping[str, Any]) -> RemotePerson | Removed:
    """Raises TransientError for a person without an id."""
    remote_id = as_text(google_person.get("resourceName"))
    if not remote_id:
        raise malformed_answer("A person without a resource name.")
    metadata = as_dict(google_person.get("metadata"))
    if metadata.get("deleted") is True:
        return Removed(id=remote_id)
    name = first_value(google_person, "names")
    return RemotePerson(
        id=remote_id,
        etag=as_text(google_person.get("etag")),
        name=as_text(name.get("displayName")) or as_text(name.get("unstructuredName")),
        given_name=as_text(name.get("givenName")),
        family_name=as_text(name.get("familyName")),
        emails=field_values(google_person, "emailAddresses"),
        phones=field_values(google_person, "phoneNumbers"),
        phone_kinds=google_phone_kinds(google_person),
        company=as_text(first_value(google_person, "organizations").get("name")),
        notes=as_text(first_value(google_person, "biographies").get("value")),
        groups=membership_groups(google_person),
        previous_ids=tuple(map(str, metadata.get("previousResourceNames") or ())),
        key=client_data_key(google_person),
        updated_at=updated_at(metadata),
        raw=dict(google_person),
    )


def updated_at(metadata: Mapping[str, Any]) -> datetime | None:
    sources = as_dicts(metadata.get("sources"))
    sources.sort(key=lambda source: source.get("type") != OWN_SOURCE)
    times = [instant_or_none(source.get("updateTime")) for source in sources]
    return next(filter(None, times), None)


def undeleted_person(person: RemotePerson | Removed) -> RemotePerson:
    if isinstance(person, Removed):
        raise Gone("The contact was deleted.", code="deleted")
    return person


def first_value(google_person: Mapping[str, Any], field: str) -> dict[str, Any]:
    return next(iter(preferred_entries(google_person, field)), {})


def field_values(google_person: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Returns the values of a field, the preferred one first, each once."""
    values = [as_text(entry.get("value")) for entry in preferred_entries(google_person, field)]
    return tuple(dict.fromkeys(filter(None, values)))


def preferred_entries(google_person: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    """Returns the entries of a field: the user's own before a profile's, then the primary one."""
    return sorted(as_dicts(google_person.get(field)), key=entry_rank)


def entry_rank(entry: Mapping[str, Any]) -> tuple[bool, bool]:
    metadata = as_dict(entry.get("metadata"))
    is_primary = metadata.get("primary") is True or metadata.get("sourcePrimary") is True
    return (not is_own_entry(entry), not is_primary)


def is_own_entry(entry: Mapping[str, Any]) -> bool:
    """Returns whether the user wrote an entry, and not the person in a profile."""
    source = as_dict(as_dict(entry.get("metadata")).get("source"))
    return as_text(source.get("type", OWN_SOURCE)) == OWN_SOURCE


def google_phone_kinds(google_person: Mapping[str, Any]) -> dict[str, str]:
    """Returns what is known of each number; one that is there twice is a fax only if both are."""
    kinds: dict[str, list[str]] = {}
    for entry in preferred_entries(google_person, "phoneNumbers"):
        kind = KINDS.get(as_text(entry.get("type")), "")
        kinds.setdefault(as_text(entry.get("value")), []).append(kind)
    best = {number: min(found, key=kind_rank) for number, found in kinds.items()}
    return {number: kind for number, kind in best.items() if kind}


def kind_rank(kind: str) -> tuple[bool, bool, bool]:
    """Returns the rank of a kind among those of one number, the one to go by first."""
    return (kind == "fax", kind != "cell", not kind)


def client_data_key(google_person: Mapping[str, Any]) -> str:
    ours = [entry for entry in as_dicts(google_person.get("clientData")) if entry.get("key") == KEY]
    return as_text(ours[0].get("value")) if ours else ""


def membership_groups(google_person: Mapping[str, Any]) -> tuple[str, ...]:
    memberships = [
        as_dict(item.get("contactGroupMembership"))
        for item in as_dicts(google_person.get("memberships"))
    ]
    return tuple(
        filter(None, (as_text(group.get("contactGroupResourceName")) for group in memberships))
    )


def people_in_group(
    group: str,
    people: Iterable[RemotePerson | Removed],
    *,
    is_full: bool,
) -> tuple[RemotePerson | Removed, ...]:
    """Picks the group's contacts, since Google lists all; who left the group is gone from it."""
    kept = []
    for person in people:
        if isinstance(person, Removed) or not group or group in person.groups:
            kept.append(person)
        elif not is_full:
            kept.append(Removed(id=person.id))
    return tuple(kept)


# --- ours into theirs ---------------------------------------------------------------------------


def google_person_fields(person: RemotePerson) -> dict[str, list[dict[str, Any]]]:
    """Returns each field as the list that Google wants."""
    name = google_name(person)
    return {
        "names": [name] if name else [],
        "emailAddresses": [{"value": email} for email in person.emails],
        "phoneNumbers": [{"value": phone} for phone in person.phones],
        "organizations": [{"name": person.company}] if person.company else [],
        "biographies": [google_biography(person.notes)] if person.notes else [],
    }


def google_name(person: RemotePerson) -> dict[str, Any]:
    parts = {"givenName": person.given_name, "familyName": person.family_name}
    filled = {part: value for part, value in parts.items() if value}
    return filled or ({"unstructuredName": person.name} if person.name else {})


def google_biography(notes: str) -> dict[str, Any]:
    return {"value": notes, "contentType": "TEXT_PLAIN"}


def google_person_changes(
    person: RemotePerson, present: RemotePerson
) -> dict[str, list[dict[str, Any]]]:
    """Returns what differs, and no more; with what Google has of it and we do not know."""
    before, after = google_person_fields(present), google_person_fields(person)
    if person.name != present.name and after["names"] == before["names"]:
        # Its parts are the same: Google takes the whole apart by itself.
        after["names"] = [{"unstructuredName": person.name}]
    return {
        field: with_google_parts(field, after[field], present.raw)
        for field in after
        if after[field] != before[field]
    }


def with_google_parts(
    field: str, ours: list[dict[str, Any]], raw: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Returns our values of a field with Google's labels and further parts.

    What the person says in a profile is not the user's to write, and is left out.
    """
    entries = preferred_entries(raw, field)
    theirs = [entry for entry in entries if is_own_entry(entry)]
    if field == "names":
        return [{**carried_name_parts(name, theirs), **name} for name in ours]
    if field == "biographies":
        return ours
    if field == "organizations":
        present, others = next(iter(theirs), {}), theirs[1:]
        return [{**present, **value} for value in ours] + others
    # One number may stand there twice, as a telephone and as a fax.
    labelled: dict[str, list[dict[str, Any]]] = {}
    for entry in theirs:
        labelled.setdefault(as_text(entry.get("value")), []).append(entry)
    foreign = {as_text(entry.get("value")) for entry in entries} - labelled.keys()
    return [
        {**present, **entry}
        for entry in ours
        if entry["value"] not in foreign
        for present in labelled.get(entry["value"], [{}])
    ]


def carried_name_parts(name: Mapping[str, Any], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the parts of a name that we do not have: prefix, middle, suffix, how it sounds."""
    left_out = COMPUTED_NAMES | (PARTS_OF_ONE_NAME if "unstructuredName" in name else set())
    present = next(iter(theirs), {})
    return {part: value for part, value in present.items() if part not in left_out}
