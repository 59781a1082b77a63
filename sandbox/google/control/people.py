"""Contacts, written by whoever is on the other side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object
from sandbox.google.model.accounts import Account, World
from sandbox.google.model.book import MY_CONTACTS, Snapshot, membership
from sandbox.lib.json_answer import EscapedJSON

from . import seed, showing

Json = dict[str, Any]

MAX_MADE = 20_000


def people_routes(world: World) -> Sequence[BaseRoute]:
    desk = PeopleDesk(world)
    return [
        Route("/people", guarded(desk.people), methods=["GET", "POST"]),
        Route("/people/merge", guarded(desk.merge), methods=["POST"]),
        Route("/people/{id}", guarded(desk.person), methods=["GET", "PATCH", "DELETE"]),
    ]


class PeopleDesk:
    def __init__(self, world: World) -> None:
        self._world = world

    async def people(self, request: Request) -> Response:
        if request.method == "POST":
            return self._add(await json_object(request))
        wanted = request.query_params.get("account")
        shown = [
            self._show(contact, account)
            for account in self._world.accounts.values()
            if wanted in (None, account.email)
            for contact in account.book.every()
        ]
        return EscapedJSON({"people": shown})

    async def person(self, request: Request) -> Response:
        account, contact = self._find(request.path_params["id"])
        if request.method == "DELETE":
            account.book.delete(contact)
            return Response(status_code=204)
        if request.method == "PATCH":
            given = await json_object(request)
            fields = contact.fields | _fields(given, contact.fields, account)
            contact = account.book.put(contact.id, fields)
        return EscapedJSON(self._show(contact, account))

    async def merge(self, request: Request) -> Response:
        given = await json_object(request)
        account, keep = self._find(str(given.get("keep")))
        other, drop = self._find(str(given.get("drop")))
        if other is not account or keep.id == drop.id:
            raise HTTPException(422, "keep and drop are two contacts of one account.")
        merged = account.book.merge(keep, drop)
        return EscapedJSON(self._show(merged, account))

    def _show(self, contact: Snapshot, account: Account) -> Json:
        return showing.person(contact, account, self._world.key_property)

    def _add(self, given: Json) -> Response:
        """One, or ``count`` of them, made up."""
        account = self._account(given.pop("account", None))
        count = given.get("count")
        if count is not None:
            if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= MAX_MADE:
                raise HTTPException(422, f"count is between 1 and {MAX_MADE}.")
            seed.add_people(account, count)
            return EscapedJSON({"people": len(account.book.every())}, status_code=201)
        made = account.book.add(_fields(given, {}, account))
        shown = self._show(made, account)
        return EscapedJSON(shown, status_code=201)

    def _account(self, email: str | None) -> Account:
        """Without an address, the first one."""
        accounts = self._world.accounts
        found = accounts.get(email) if email else next(iter(accounts.values()))
        if found is None:
            raise HTTPException(422, "account is the address of one that there is.")
        return found

    def _find(self, wanted: str) -> tuple[Account, Snapshot]:
        for account in self._world.accounts.values():
            if found := account.book.find(wanted.removeprefix("people/")):
                return account, found
        raise HTTPException(404, "There is no such person.")


def _fields(given: Json, present: Json, account: Account) -> Json:
    fields: Json = {
        theirs: written(given[ours]) for ours, (theirs, written) in WRITTEN.items() if ours in given
    }
    if given.keys() & {"name", "given_name", "family_name"}:
        fields["names"] = [_name(given, (present.get("names") or [{}])[0])]
    if "groups" in given:
        named = {name: group for group, name in account.book.groups.items()}
        wanted = [named.get(name, name) for name in given["groups"]]
        known = [group for group in wanted if group in account.book.groups]
        fields["memberships"] = [membership(group) for group in known or [MY_CONTACTS]]
    return fields


def _values(given: Any) -> list[Json]:
    return [{"value": str(contact)} for contact in given]


# The control API's word -> Google's, and how it is written there.
WRITTEN: Mapping[str, tuple[str, Callable[[Any], list[Json]]]] = {
    "emails": ("emailAddresses", _values),
    "phones": ("phoneNumbers", _values),
    "company": ("organizations", lambda name: [{"name": name}] if name else []),
    "notes": (
        "biographies",
        lambda text: [{"value": text, "contentType": "TEXT_PLAIN"}] if text else [],
    ),
}


def _name(given: Json, present: Json) -> Json:
    first, _, last = str(given.get("name", "")).rpartition(" ")
    first, last = (first, last) if first else (last, "")
    if "name" not in given:
        first, last = present.get("givenName", ""), present.get("familyName", "")
    return {
        "givenName": given.get("given_name", first),
        "familyName": given.get("family_name", last),
    }
