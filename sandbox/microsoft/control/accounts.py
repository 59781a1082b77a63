"""What people have allowed: to give it without asking, and to take it back."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object
from sandbox.microsoft.model.mailbox import Json, Mailbox
from sandbox.microsoft.model.users import User
from sandbox.microsoft.oauth.identity import Identity
from sandbox.microsoft.world import World

USUAL_SCOPES = (
    "openid",
    "profile",
    "offline_access",
    "User.Read",
    "Calendars.ReadWrite",
    "Contacts.ReadWrite",
)


class AccountsControl:
    def __init__(self, world: World, identity: Identity) -> None:
        self._world = world
        self._identity = identity

    def routes(self) -> Sequence[BaseRoute]:
        post = ["POST"]
        return [
            Route("/accounts", guarded(self.accounts)),
            Route("/accounts/{address}/tokens", guarded(self.give_tokens), methods=post),
            Route("/accounts/{address}/revoke", guarded(self.revoke), methods=post),
            Route("/accounts/{address}/expire-tokens", guarded(self.expire_tokens), methods=post),
        ]

    async def accounts(self, _: Request) -> Response:
        shown = [self._show(mailbox) for mailbox in self._world.mailboxes.values()]
        return JSONResponse({"accounts": shown})

    async def give_tokens(self, request: Request) -> Response:
        user = self._user(request)
        scopes = (await json_object(request)).get("scopes", USUAL_SCOPES)
        return JSONResponse(self._identity.give(user, tuple(scopes)), status_code=201)

    async def revoke(self, request: Request) -> Response:
        """Takes every consent back, as a person does at Microsoft's; subscriptions go with it."""
        user = self._user(request)
        taken = self._identity.tokens.revoke(user)
        for subscription in self._world.subscriptions.of(user):
            self._world.subscriptions.remove(subscription, tell=True)
        self._world.ledger.touch()
        return JSONResponse({"revoked": taken})

    async def expire_tokens(self, request: Request) -> Response:
        self._identity.tokens.expire(self._user(request))
        return Response(status_code=204)

    def _show(self, mailbox: Mailbox) -> Json:
        user = mailbox.user
        grants = self._identity.tokens.of(user)
        return {
            "email": user.address,
            "name": user.name,
            "subject": f"{user.id}.{user.tenant}",
            "personal": user.is_personal,
            "calendars": {calendar.id: calendar.name for calendar in mailbox.calendars.values()},
            "people": len(mailbox.contacts),
            "grants": [{"scopes": list(grant.scopes)} for grant in grants],
        }

    def _user(self, request: Request) -> User:
        mailbox = self._world.mailboxes.get(request.path_params["address"])
        if mailbox is None:
            raise HTTPException(404, "There is no such account.")
        return mailbox.user
