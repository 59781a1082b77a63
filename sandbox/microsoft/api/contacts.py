"""Contacts and their folders.

https://learn.microsoft.com/en-us/graph/api/resources/contact
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from sandbox.microsoft.errors import RefusedError, bad
from sandbox.microsoft.model.item import Item, new_id, read_properties
from sandbox.microsoft.model.mailbox import Contact, Folder, Mailbox
from sandbox.microsoft.model.stamps import stamp
from sandbox.microsoft.model.tracking import Entry, Tracked, Tracking, Window

from . import odata, shapes
from .call import Call, Prefer

Json = dict[str, Any]

KIND = "microsoft.graph.contact"
MAX_EMAILS = 3
MAX_PHONES = 2
TEXTS = frozenset({
    "assistantName", "companyName", "department", "displayName", "fileAs", "generation",
    "givenName", "initials", "jobTitle", "manager", "middleName", "mobilePhone", "nickName",
    "officeLocation", "parentFolderId", "personalNotes", "profession", "spouseName", "surname",
    "title", "yomiCompanyName", "yomiGivenName", "yomiSurname", "businessHomePage", "birthday",
})  # fmt: skip
LISTS = frozenset({
    "businessPhones", "homePhones", "imAddresses", "emailAddresses", "categories", "children",
})  # fmt: skip
OBJECTS = frozenset({"businessAddress", "homeAddress", "otherAddress"})
READ_ONLY = frozenset({
    "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "singleValueExtendedProperties",
})  # fmt: skip
KINDS: Mapping[str, type] = (
    dict.fromkeys(TEXTS, str) | dict.fromkeys(LISTS, list) | dict.fromkeys(OBJECTS, dict)
)
USUAL: Mapping[str, Any] = (
    dict.fromkeys(sorted(TEXTS)) | {name: [] for name in LISTS} | {name: {} for name in OBJECTS}
)


class ContactsApi:
    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def list_folders(self, call: Call) -> Response:
        """Lists the folders, without the one that everything is in at first."""
        shown = [
            _folder(folder) for folder in call.mailbox.folders.values() if not folder.is_default
        ]
        context = f"{call.base}/$metadata#users('{call.mailbox.user.id}')/contactFolders"
        return call.answer({"@odata.context": context, "value": shown})

    def show_folder(self, call: Call, folder: str) -> Response:
        wanted = None if folder == "contacts" else folder
        return call.answer(_folder(call.mailbox.folder_of(wanted)))

    def create_folder(self, call: Call) -> Response:
        name = call.json().get("displayName")
        if not isinstance(name, str) or not name:
            raise bad("A folder has a displayName.")
        if name in {other.name for other in call.mailbox.folders.values()}:
            raise RefusedError(409, "ErrorFolderExists", "A folder with this name exists already.")
        folder = Folder(name, new_id("AQMkAD"))
        call.mailbox.folders[folder.id] = folder
        return call.answer(_folder(folder), 201)

    def list(self, call: Call, folder: str | None = None) -> Response:
        found = call.mailbox.folder_of(folder)
        contacts = sorted(
            call.mailbox.contacts_in(found.id), key=lambda contact: contact.created_at
        )
        return odata.collection(call, contacts, lambda contact: show(contact, call.prefer))

    def show(self, call: Call, contact: str) -> Response:
        return self._one(call, call.mailbox.contact(contact))

    def create(self, call: Call, folder: str | None = None) -> Response:
        mailbox = call.mailbox
        at = mailbox.clock.now()
        found = mailbox.folder_of(folder)
        contact = Contact(folder=found.id, fields={}, created_at=at, modified_at=at)
        apply(contact, call.json())
        mailbox.add(contact)
        return self._one(call, contact, 201)

    def change(self, call: Call, contact: str) -> Response:
        found = call.mailbox.contact(contact)
        call.demand_match(found)
        apply(found, call.json())
        call.mailbox.stored(found)
        return self._one(call, found)

    def delete(self, call: Call, contact: str) -> Response:
        found = call.mailbox.contact(contact)
        call.demand_match(found)
        call.mailbox.remove(found)
        return Response(status_code=204)

    def delta(self, call: Call, folder: str | None = None) -> Response:
        odata.refuse_options(call, "$expand", "$filter", "$orderby", "$search", "$top")
        found = call.mailbox.folder_of(None if folder == "contacts" else folder)
        path = f"me/contactFolders/{folder}/contacts/delta" if folder else "me/contacts/delta"

        def look(since: int, _: Window) -> "list[Entry]":
            return changes(call.mailbox, found, since)

        tracked = Tracked(path, KIND, look, lambda item: show(item, call.prefer))
        return self._tracking.answer(call, tracked, lambda: None)

    def _one(self, call: Call, contact: Contact, status: int = 200) -> Response:
        return odata.item_response(call, contact, show(contact, call.prefer), status)


def changes(mailbox: Mailbox, folder: Folder, since: int) -> "list[Entry]":
    found: list[Entry] = [
        contact for contact in mailbox.contacts_in(folder.id) if contact.sequence > since
    ]
    if since:
        found.extend(mailbox.history.buried(folder.id, since))
    return sorted(found, key=lambda entry: entry.sequence)


def show(contact: Item, prefer: Prefer) -> Json:
    return {
        "@odata.etag": contact.etag,
        "id": contact.shown_id(immutable=prefer.immutable),
        "createdDateTime": stamp(contact.created_at),
        "lastModifiedDateTime": stamp(contact.modified_at),
        "changeKey": contact.change_key,
        **USUAL,
        **contact.fields,
        "parentFolderId": contact.folder,
    }


def apply(contact: Contact, given: Json) -> None:
    """Replaces each field that is named as a whole."""
    shapes.check(given, KINDS, READ_ONLY, KIND)
    fields = {**contact.fields, **{k: v for k, v in given.items() if k in KINDS}}
    _check(fields)
    if not fields.get("displayName"):
        names = [str(fields.get(part) or "") for part in ("givenName", "surname")]
        fields["displayName"] = " ".join(filter(None, names)) or None
    properties = read_properties(given.get("singleValueExtendedProperties", []))
    contact.fields, contact.properties = fields, {**contact.properties, **properties}


def _check(fields: Json) -> None:
    emails = fields.get("emailAddresses") or []
    if len(emails) > MAX_EMAILS:
        raise bad("A contact has three e-mail addresses at most.", "ErrorInvalidProperty")
    if not all(isinstance(mail, dict) and "@" in str(mail.get("address")) for mail in emails):
        raise bad("An e-mail address is not valid.", "ErrorInvalidProperty")
    for name in ("businessPhones", "homePhones"):
        if len(fields.get(name) or []) > MAX_PHONES:
            raise bad(f"A contact has two {name} at most.", "ErrorInvalidProperty")


def _folder(folder: Folder) -> Json:
    return {"id": folder.id, "displayName": folder.name, "parentFolderId": "msgfolderroot"}
