"""Contacts as the People API words them.

https://developers.google.com/people/api/rest/v1/people#Person
"""

from collections.abc import Mapping
from typing import Any

import phonenumbers

from sandbox.google.errors import PeopleRefusedError
from sandbox.google.model.book import Snapshot
from sandbox.lib.times import iso

Json = dict[str, Any]

SINGLETONS = ("biographies", "birthdays", "genders", "names")
# What can be written, and asked for.
FIELDS = frozenset(
    {
        "addresses",
        "biographies",
        "birthdays",
        "calendarUrls",
        "clientData",
        "emailAddresses",
        "events",
        "externalIds",
        "fileAses",
        "genders",
        "imClients",
        "interests",
        "locales",
        "locations",
        "memberships",
        "miscKeywords",
        "names",
        "nicknames",
        "occupations",
        "organizations",
        "phoneNumbers",
        "relations",
        "sipAddresses",
        "skills",
        "urls",
        "userDefined",
    }
)
READ_ONLY = frozenset({"ageRanges", "coverPhotos", "metadata", "photos"})
# Where numbers without a country are read.
REGION = "GB"
PHONE_TYPES: Mapping[str, str] = {
    "home": "Home",
    "work": "Work",
    "mobile": "Mobile",
    "main": "Main",
    "other": "Other",
}


def mask(text: str | None, name: str, known: frozenset[str]) -> frozenset[str]:
    wanted = frozenset(path.strip() for path in (text or "").split(",") if path.strip())
    if not wanted:
        message = f"{name} mask is required. Please specify one or more valid paths."
        raise PeopleRefusedError("INVALID_ARGUMENT", message)
    roots = frozenset(path.partition(".")[0] for path in wanted)
    if unknown := sorted(roots - known):
        message = f'Invalid {name} mask path: "{unknown[0]}".'
        raise PeopleRefusedError("INVALID_ARGUMENT", message)
    return roots


def check(fields: Json) -> None:
    for name, values in fields.items():
        if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
            raise PeopleRefusedError("INVALID_ARGUMENT", f'Invalid value at "person.{name}"')
        if name in SINGLETONS and len(values) > 1:
            message = f"person.{name} is a singleton field: at most one is allowed."
            raise PeopleRefusedError("INVALID_ARGUMENT", message)


def written(given: Json, names: frozenset[str]) -> Json:
    """Returns the wanted fields, without what Google adds."""
    fields = {name: given[name] for name in names if given.get(name)}
    check(fields)
    return {name: [_bare(item) for item in values] for name, values in fields.items()}


def show(contact: Snapshot, wanted: frozenset[str], *, synced: bool = False) -> Json:
    """Shows a contact; ``synced`` for a list since a cursor, which says what has gone."""
    shown: Json = {"resourceName": contact.resource, "etag": contact.etag}
    metadata = _metadata(contact)
    if contact.deleted:
        return shown | {"metadata": metadata | {"deleted": True}}
    if synced and contact.previous:
        metadata["previousResourceNames"] = list(contact.previous)
    if "metadata" in wanted or synced:
        shown["metadata"] = metadata
    for name in sorted(wanted & FIELDS):
        if values := contact.fields.get(name):
            dress = DRESSES.get(name, dict)
            shown[name] = [
                {"metadata": _source(contact, primary=place == 0), **dress(value)}
                for place, value in enumerate(values)
            ]
    return shown


def _metadata(contact: Snapshot) -> Json:
    source = {
        "type": "CONTACT",
        "id": contact.id.removeprefix("c"),
        "etag": f"#{contact.revision:012x}",
        "updateTime": iso(contact.at),
    }
    return {"sources": [source], "objectType": "PERSON"}


def etags(contact: Snapshot) -> frozenset[str]:
    """Returns the person's and the source's: either will do."""
    return frozenset({contact.etag, f"#{contact.revision:012x}"})


def _source(contact: Snapshot, *, primary: bool) -> Json:
    source = {"source": {"type": "CONTACT", "id": contact.id.removeprefix("c")}}
    return {"primary": True, **source} if primary else source


def _bare(value: Json) -> Json:
    added = ("metadata", "canonicalForm", "formattedType", "displayName", "displayNameLastFirst")
    return {name: part for name, part in value.items() if name not in added} | _own_name(value)


def _own_name(value: Json) -> Json:
    """An e-mail address has a displayName of its own."""
    own = "value" in value and "displayName" in value
    return {"displayName": value["displayName"]} if own else {}


def _name(value: Json) -> Json:
    parts = ("honorificPrefix", "givenName", "middleName", "familyName", "honorificSuffix")
    whole = " ".join(value[part] for part in parts if value.get(part))
    whole = whole or value.get("unstructuredName", "")
    last_first = ", ".join(value[part] for part in ("familyName", "givenName") if value.get(part))
    given = (
        value if whole != value.get("unstructuredName") or value.get("givenName") else _split(whole)
    )
    return {
        **given,
        "displayName": whole,
        "displayNameLastFirst": last_first or whole,
        "unstructuredName": whole,
    }


def _split(whole: str) -> Json:
    given, _, family = whole.rpartition(" ")
    return {"givenName": given or family, **({"familyName": family} if given else {})}


def _phone(value: Json) -> Json:
    shown = dict(value)
    try:
        number = phonenumbers.parse(value.get("value", ""), REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        form = phonenumbers.PhoneNumberFormat.E164
        shown["canonicalForm"] = phonenumbers.format_number(number, form)
    return _typed(shown)


def _typed(value: Json) -> Json:
    kind = value.get("type")
    return {**value, "formattedType": PHONE_TYPES.get(kind, kind)} if kind else dict(value)


DRESSES = {"names": _name, "phoneNumbers": _phone, "emailAddresses": _typed, "urls": _typed}
