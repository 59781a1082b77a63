"""The address books, as their owners keep them in Outlook."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object
from sandbox.lib.json_answer import EscapedJSON
from sandbox.microsoft.api import contacts
from sandbox.microsoft.errors import RefusedError
from sandbox.microsoft.model.mailbox import Contact, Json, Mailbox
from sandbox.microsoft.world import World

from . import (
    requested_fields,
    seed,
    showing,
)

MOST = 20_000


class PeopleControl:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/people", guarded(self.people), methods=["GET", "POST"]),
            Route("/people/{id}", guarded(self.person), methods=["GET", "PATCH", "DELETE"]),
        ]

    async def people(self, request: Request) -> Response:
        if request.method == "POST":
            return self._add(await json_object(request))
        wanted = request.query_params.get("account")
        shown = [
            showing.person(contact, mailbox)
            for address, mailbox in self._world.mailboxes.items()
            if wanted in {None, address}
            for contact in mailbox.contacts.values()
        ]
        return EscapedJSON({"people": shown})

    async def person(self, request: Request) -> Response:
        mailbox, contact = self._find(request.path_params["id"])
        if request.method == "DELETE":
            mailbox.remove(contact)
            return Response(status_code=204)
        if request.method == "PATCH":
            _apply(contact, requested_fields.person(await json_object(request)))
            mailbox.stored(contact)
        return EscapedJSON(showing.person(contact, mailbox))

    def _add(self, given: Json) -> Response:
        mailbox = self._mailbox(given.get("account"))
        if "count" in given:
            count = given["count"]
            if not isinstance(count, int) or not 0 < count <= MOST:
                raise HTTPException(422, f"count is between 1 and {MOST}.")
            seed.people(mailbox, count)
            return EscapedJSON({"people": len(mailbox.contacts)}, status_code=201)
        at = mailbox.clock.now()
        contact = Contact(folder=mailbox.folder.id, fields={}, created_at=at, modified_at=at)
        _apply(contact, requested_fields.person(given))
        mailbox.add(contact)
        return EscapedJSON(showing.person(contact, mailbox), status_code=201)

    def _mailbox(self, account: object) -> Mailbox:
        if account is None:
            return self._world.first
        found = self._world.mailboxes.get(str(account))
        if found is None:
            raise HTTPException(422, "There is no such account.")
        return found

    def _find(self, id_: str) -> tuple[Mailbox, Contact]:
        for mailbox in self._world.mailboxes.values():
            if contact := mailbox.contacts.get(id_):
                return mailbox, contact
        raise HTTPException(404, "There is no such person.")


def _apply(contact: Contact, wanted: Json) -> None:
    try:
        contacts.apply(contact, wanted)
    except RefusedError as refused:
        raise HTTPException(422, refused.message) from refused
