"""What a test or a person may do at Microsoft's side: clock, consents, subscriptions."""

from collections import Counter
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import Endpoint, guarded, json_object
from sandbox.lib.times import iso
from sandbox.microsoft.model.subscription import Subscription
from sandbox.microsoft.oauth.identity import Identity
from sandbox.microsoft.world import World

from . import showing
from .accounts import AccountsControl
from .calendars import CalendarsControl
from .people import PeopleControl

LIFECYCLE = ("reauthorizationRequired", "subscriptionRemoved", "missed")


class Control:
    def __init__(self, world: World, identity: Identity) -> None:
        self._world = world
        self._identity = identity

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *AccountsControl(self._world, self._identity).routes(),
            *CalendarsControl(self._world).routes(),
            *PeopleControl(self._world).routes(),
            _route("/pushes", self.pushes),
            _route("/pushes/{id}/lifecycle", self.lifecycle, "POST"),
            _route("/invitations", self.invitations),
            _route("/clock", self.clock, "GET", "POST"),
            _route("/cursors/expire", self.expire_cursors, "POST"),
            _route("/stats", self.stats),
        ]

    async def pushes(self, _: Request) -> Response:
        self._world.subscriptions.look()
        every = self._world.subscriptions.every.values()
        return JSONResponse({"pushes": [showing.push(subscription) for subscription in every]})

    async def lifecycle(self, request: Request) -> Response:
        """Posts a lifecycle event; ``subscriptionRemoved`` removes the subscription, too."""
        subscription = self._subscription(request)
        event = (await json_object(request)).get("event")
        if event not in LIFECYCLE:
            raise HTTPException(422, f"event is one of {', '.join(LIFECYCLE)}.")
        if event == "subscriptionRemoved":
            self._world.subscriptions.remove(subscription, tell=True)
        else:
            self._world.subscriptions.tell(subscription, event)
        return JSONResponse(showing.push(subscription), status_code=202)

    async def invitations(self, _: Request) -> Response:
        return JSONResponse({"invitations": self._world.mails.newest()})

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            seconds = (await json_object(request)).get("seconds")
            if not isinstance(seconds, int | float) or isinstance(seconds, bool):
                raise HTTPException(422, "seconds is how far to jump; below 0 goes back.")
            self._world.jump(seconds)
        return JSONResponse({"now": iso(self._world.clock.now())})

    async def expire_cursors(self, _: Request) -> Response:
        self._world.tracking.clear()
        return Response(status_code=204)

    async def stats(self, _: Request) -> Response:
        boxes = list(self._world.mailboxes.values())
        keys = Counter(event.key for box in boxes for event in box.events.values() if event.key)
        people = Counter(
            contact.key for box in boxes for contact in box.contacts.values() if contact.key
        )
        return JSONResponse(
            {
                "events": sum(len(box.events) for box in boxes),
                "people": sum(len(box.contacts) for box in boxes),
                "keys": keys,
                "repeated": {key: times for key, times in keys.items() if times > 1},
                "people_keys": people,
                "people_repeated": {key: times for key, times in people.items() if times > 1},
                "invitations": len(self._world.mails.newest()),
                "pushes": len(self._world.subscriptions.every),
                "grants": len(
                    [grant for grant in self._identity.tokens.grants if not grant.revoked]
                ),
            }
        )

    def _subscription(self, request: Request) -> Subscription:
        found = self._world.subscriptions.every.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "There is no such subscription.")
        return found


def _route(path: str, endpoint: Endpoint, *methods: str) -> Route:
    return Route(path, guarded(endpoint), methods=list(methods or ("GET",)))
