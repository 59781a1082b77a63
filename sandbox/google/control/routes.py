"""The control API's part that only Google has: accounts, cursors, the clock, and the two desks."""

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object, limit_of
from sandbox.google.model.accounts import Account, World
from sandbox.google.oauth.scopes import PREFIX

from .events import event_routes
from .people import people_routes
from .stats import stats

Json = dict[str, Any]

USUAL_SCOPES = ("openid", "email", "profile", f"{PREFIX}calendar", f"{PREFIX}contacts")


def google_routes(world: World) -> Sequence[BaseRoute]:
    desk = Desk(world)
    post = ["POST"]
    return [
        Route("/accounts", desk.accounts),
        Route("/accounts/{email}/tokens", guarded(desk.give_tokens), methods=post),
        Route("/accounts/{email}/revoke", guarded(desk.revoke), methods=post),
        Route("/accounts/{email}/expire-tokens", guarded(desk.expire_tokens), methods=post),
        Route("/cursors/expire", guarded(desk.expire_cursors), methods=post),
        Route("/clock", guarded(desk.clock), methods=["GET", "POST"]),
        Route("/pushes", desk.pushes),
        Route("/invitations", desk.invitations),
        Route("/stats", desk.stats),
        *event_routes(world),
        *people_routes(world),
    ]


class Desk:
    def __init__(self, world: World) -> None:
        self._world = world

    async def accounts(self, _: Request) -> Response:
        shown = [self._show(account) for account in self._world.accounts.values()]
        return JSONResponse({"accounts": shown})

    async def give_tokens(self, request: Request) -> Response:
        """Gives tokens as if the person had consented: for those who are not after the consent."""
        account = self._account(request)
        scopes = (await json_object(request)).get("scopes", USUAL_SCOPES)
        grant = self._world.grants.give(account.email, tuple(scopes))
        tokens = {
            "access_token": self._world.grants.open(grant),
            "refresh_token": grant.refresh_token,
            "expires_in": self._world.grants.token_seconds,
            "scope": " ".join(grant.scopes),
        }
        return JSONResponse(tokens, status_code=201)

    async def revoke(self, request: Request) -> Response:
        """Takes the consent back, as the person does on a page of Google's."""
        count = self._world.grants.revoke_account(self._account(request).email)
        self._world.ledger.touch()
        return JSONResponse({"revoked": count})

    async def expire_tokens(self, request: Request) -> Response:
        self._world.grants.expire_tokens(self._account(request).email)
        return Response(status_code=204)

    async def expire_cursors(self, _: Request) -> Response:
        """Expires every sync token that was handed out."""
        for calendar in self._world.calendars.values():
            calendar.renew_epoch()
        for account in self._world.accounts.values():
            account.book.renew_epoch()
        return Response(status_code=204)

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            seconds = (await json_object(request)).get("seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, int | float):
                raise HTTPException(422, "seconds is a number: how far the clock jumps ahead.")
            self._world.clock.jump(seconds)
            self._world.ledger.touch()
        return JSONResponse({"now": self._world.clock.now().isoformat()})

    async def pushes(self, _: Request) -> Response:
        shown = [
            {
                "id": channel.id,
                "resource": channel.resource,
                "account": channel.account,
                "address": channel.address,
                "created_at": channel.created_at.isoformat(),
                "expires_at": channel.expires_at.isoformat(),
                "messages": channel.number,
            }
            for channel in self._world.channels.live()
        ]
        return JSONResponse({"pushes": shown})

    async def invitations(self, request: Request) -> Response:
        wanted = request.query_params
        found = [
            invitation
            for invitation in self._world.invitations.sent.newest()
            if all(
                wanted.get(name, invitation[name]) == invitation[name]
                for name in ("to", "kind", "event")
            )
        ]
        return JSONResponse({"invitations": found[: limit_of(request)]})

    async def stats(self, request: Request) -> Response:
        tag = request.query_params.get("tag") or self._world.key_property
        return JSONResponse(stats(self._world, tag))

    def _show(self, account: Account) -> Json:
        grants = self._world.grants.of(account.email)
        return {
            "email": account.email,
            "name": account.name,
            "subject": account.subject,
            "calendars": account.roles,
            "people": len(account.book.every()),
            "grants": [{"scopes": list(grant.scopes)} for grant in grants],
        }

    def _account(self, request: Request) -> Account:
        account = self._world.accounts.get(request.path_params["email"])
        if account is None:
            raise HTTPException(404, "There is no such account.")
        return account
