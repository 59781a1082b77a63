"""Microsoft: the identity platform, and Graph behind its tokens."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.config import SandboxConfig
from sandbox.lib import settings
from sandbox.lib.clock import Clock
from sandbox.lib.faults import Faults, Json
from sandbox.lib.state import Ledger, RequestLog
from sandbox.webhooks import webhook
from sandbox.webhooks.delivery import Deliveries

from . import errors
from .api import emptied
from .api.call import Call, read_preferences
from .api.contacts import ContactsApi
from .api.events import EventsApi
from .api.events_delta import EventsDelta
from .api.routes import MAILBOX, Api, calendar_routes, contact_routes, subscription_routes
from .api.schedule import ScheduleApi
from .api.subscriptions import SubscriptionsApi
from .control.routes import Control
from .errors import OAuthRefusedError, RefusedError
from .model.event import Event
from .model.history import Tombstone
from .model.mailbox import Contact, Folder, Transaction
from .model.mails import Mail
from .model.notices import MANNERS
from .model.subscription import Subscription
from .model.tokens import Access, Code, Grant, revoked
from .model.tracking import Place
from .model.users import User
from .model.zones import Wall
from .oauth.identity import Identity
from .options import CHECKS, FAULTS
from .world import World

GRAPH = "/v1.0/"


class Microsoft:
    KINDS: ClassVar[tuple[type, ...]] = (
        *webhook.KINDS,
        *(User, Folder, Event, Contact, Transaction, Wall, Tombstone, Place),
        *(Grant, Code, Access, Subscription, Mail),
    )
    KEPT: ClassVar[tuple[str, ...]] = ("ledger", "deliveries", "world", "identity")

    slug = "microsoft"
    address = "microsoft"

    def __init__(self, config: SandboxConfig) -> None:
        self.ledger = Ledger()
        self.faults = Faults(FAULTS)
        self.requests = RequestLog()
        self.deliveries = Deliveries(MANNERS, faults=self.faults, ledger=self.ledger)
        self.deliveries.retry_factor = config.retry_factor
        self.faults.changed = self.deliveries.faults_changed
        clock = Clock()
        self.world = World(clock, self.deliveries, self.faults, self.ledger)
        self.world.subscriptions.notices.delay = config.receipt_delay
        self.identity = Identity(config.microsoft_client_id, config.microsoft_client_secret, clock)
        self._retry_after = "seconds"
        self._concurrent: int | None = 4
        self._busy: Counter[str] = Counter()
        self._events = EventsApi(self.world.mails)
        self._schedule = ScheduleApi(self.faults, self.world.mailboxes)
        self._delta = EventsDelta(self.world.tracking)
        self._api = Api(
            [
                *calendar_routes(self._events, self._delta, self._schedule),
                *contact_routes(ContactsApi(self.world.tracking)),
                *subscription_routes(SubscriptionsApi(self.world.subscriptions)),
            ]
        )

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        path = _path(request)
        try:
            if path.startswith(GRAPH):
                response = await self._graph(request, path.removeprefix(GRAPH), body, work)
            else:
                await asyncio.sleep(work)
                response = self._identity(request, path, body)
            self.ledger.count("accepted_requests")
        except RefusedError as refused:
            return errors.render(refused)
        except OAuthRefusedError as refused:
            return errors.render_oauth(refused)
        return response

    def refusal(self, status: int, name: str) -> Response:
        return errors.render(RefusedError(status, name))

    def too_many(self, retry_after: int) -> Response:
        if self._retry_after == "missing":
            return errors.render(RefusedError(429))
        at = self.world.clock.now() + timedelta(seconds=retry_after)
        is_date = self._retry_after == "date"
        said = format_datetime(at, usegmt=True) if is_date else str(retry_after)
        return errors.render(RefusedError(429, retry_after=said))

    def too_large(self) -> Response:
        return errors.render(RefusedError(413))

    def control_routes(self) -> Sequence[BaseRoute]:
        return Control(self.world, self.identity).routes()

    def public_routes(self) -> Sequence[BaseRoute]:
        return []

    def settings(self) -> Json:
        subscriptions, tokens = self.world.subscriptions, self.identity.tokens
        return {
            "client_id": self.identity.client_id,
            "client_secret": self.identity.client_secret,
            "auto_consent": self.identity.auto_consent,
            "refused_scopes": self.identity.refused_scopes,
            "token_seconds": tokens.life,
            "old_refresh_tokens_work": tokens.old_refresh_tokens_work,
            "retry_factor": self.deliveries.retry_factor,
            "retry_after": self._retry_after,
            "concurrent_requests": self._concurrent,
            "notification_delay": subscriptions.notices.delay,
            "extra_updates": subscriptions.extra_updates,
            "subscription_minutes": subscriptions.max_minutes,
            "subscriptions_need_authorization": subscriptions.need_authorization,
            "delta_seconds": self.world.tracking.life_seconds,
            "tells_of_occurrences": self._delta.tells_of_occurrences,
            "transaction_seconds": self._events.transaction_seconds,
            "schedule_refuses_personal": self._schedule.refuses_personal,
        }

    def change(self, wanted: Json) -> None:
        given = settings.read_settings(wanted, self.settings(), CHECKS)
        subscriptions, tokens = self.world.subscriptions, self.identity.tokens
        for name in ("client_id", "client_secret", "auto_consent", "refused_scopes"):
            setattr(self.identity, name, given[name])
        tokens.life = given["token_seconds"]
        tokens.old_refresh_tokens_work = given["old_refresh_tokens_work"]
        self.deliveries.retry_factor = given["retry_factor"]
        self._retry_after, self._concurrent = given["retry_after"], given["concurrent_requests"]
        subscriptions.notices.delay = given["notification_delay"]
        subscriptions.extra_updates = given["extra_updates"]
        subscriptions.max_minutes = given["subscription_minutes"]
        subscriptions.need_authorization = given["subscriptions_need_authorization"]
        self.world.tracking.life_seconds = given["delta_seconds"]
        self._delta.tells_of_occurrences = given["tells_of_occurrences"]
        self._events.transaction_seconds = given["transaction_seconds"]
        self._schedule.refuses_personal = given["schedule_refuses_personal"]

    def clear(self) -> None:
        """Consents stay, as if they were settings: nobody has to connect again."""
        self.world.clear()

    async def _graph(self, request: Request, path: str, body: bytes, work: float) -> Response:
        access = self._access(request)
        user = access.grant.user
        is_mailbox = MAILBOX.fullmatch(path) is not None
        if is_mailbox and self._concurrent and self._busy[user.address] >= self._concurrent:
            return self.too_many(1)
        self._busy[user.address] += is_mailbox
        try:
            await asyncio.sleep(work)
            self._conflict(request)
            call = Call(
                request=request,
                body=body,
                access=access,
                mailbox=self.world.mailboxes[user.address],
                prefer=read_preferences(request.headers.getlist("prefer")),
                base=f"{request.url.scheme}://{request.url.netloc}{_root(request)}/v1.0",
            )
            return emptied.shortened(
                await self._api.answer(call, path), self.faults, f"{request.method} {GRAPH}{path}"
            )
        finally:
            self._busy[user.address] -= is_mailbox

    def _conflict(self, request: Request) -> None:
        subject = f"{request.method} {_path(request)}"
        if "if-match" in request.headers and self.faults.strikes("etag_conflict", subject):
            raise RefusedError(412)

    def _identity(self, request: Request, path: str, body: bytes) -> Response:
        is_token = path.endswith("/token")
        if is_token and self.faults.strikes("grant_gone", f"{request.method} {path}"):
            raise revoked()
        response = self.identity.answer(request, path, body)
        if response is None:
            raise RefusedError(404, "BadRequest", f"Invalid version or path: {path}")
        return response

    def _access(self, request: Request) -> Access:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError(401, "InvalidAuthenticationToken", "Access token is empty.")
        access = self.identity.tokens.access(token.strip())
        if access is None or self.faults.strikes(
            "token_expired", f"{request.method} {_path(request)}"
        ):
            raise RefusedError(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
            )
        return access


def _path(request: Request) -> str:
    path: Any = request.scope["path"]
    return str(path).removeprefix(_root(request))


def _root(request: Request) -> str:
    root: Any = request.scope.get("root_path", "")
    return str(root)
