"""Google as a provider of the sandbox: OAuth, Calendar and People behind one gate."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.config import SandboxConfig
from sandbox.lib import settings
from sandbox.lib.faults import REQUEST_FAULTS, WEBHOOK_FAULTS, FaultKind, Faults, Json
from sandbox.lib.pace import Pace
from sandbox.lib.state import Ledger, RequestLog
from sandbox.webhooks import webhook
from sandbox.webhooks.delivery import Deliveries

from . import errors
from .api.routes import Api
from .control import seed
from .control.routes import google_routes
from .errors import CalendarRefusedError, OAuthRefusedError, RefusedError
from .model import channels
from .model.accounts import Account, World
from .model.book import Book, Snapshot
from .model.calendar import Calendar
from .model.event import Event
from .model.grants import Code, Grant
from .oauth.endpoints import OAuth

OWN_FAULTS = (
    FaultKind(
        "cursor_expired",
        "Expired cursors",
        "Refuses a sync token: 410 with this reason, or EXPIRED_SYNC_TOKEN for contacts.",
        {"reason": "fullSyncRequired"},
        {"reason": ("fullSyncRequired", "updatedMinTooLongAgo")},
    ),
    FaultKind("token_expired", "Expired tokens", "Refuses an access token with 401."),
    FaultKind(
        "grant_gone", "Grant taken back", "Refuses to refresh with invalid_grant, as if revoked."
    ),
    FaultKind(
        "etag_conflict", "Changed meanwhile", "Refuses an etag although it is the present one."
    ),
    FaultKind("cut_list", "Short lists", "Leaves out all but the first few items.", {"items": 0}),
    FaultKind(
        "free_busy_error",
        "No free/busy",
        "Answers each calendar of a free/busy query with an error.",
        {"reason": "internalError"},
    ),
    FaultKind(
        "stale_reads",
        "Contacts lag behind",
        "Reads contacts as they were this many seconds ago.",
        {"seconds": 60.0},
    ),
)
# Nothing is signed, so no clock can be wrong.
FAULTS = (
    *(
        replace(kind, explains="Answers 429; with Retry-After unless it is 0.")
        if kind.name == "rate_limit"
        else kind
        for kind in REQUEST_FAULTS
    ),
    *OWN_FAULTS,
    *(kind for kind in WEBHOOK_FAULTS if kind.name != "webhook_clock_skew"),
)

CHECKS: settings.Checks = {
    "client_id": settings.is_filled,
    "client_secret": settings.is_filled,
    "auto_consent": settings.is_switch,
    "token_seconds": settings.is_duration,
    "cursor_days": settings.is_duration,
    "push_delay": settings.is_duration,
    "retry_factor": settings.is_duration,
    "rate_per_second": settings.is_rate,
    "key_property": settings.is_filled,
}


class Google:
    KINDS: ClassVar[tuple[type, ...]] = (
        *webhook.KINDS,
        *(Account, Book, Snapshot, Calendar, Event),
        *(Grant, Code, channels.Channel, channels.Push),
    )
    KEPT: ClassVar[tuple[str, ...]] = ("ledger", "deliveries", "_world")

    slug = address = "google"

    def __init__(self, config: SandboxConfig) -> None:
        self.ledger = Ledger()
        self.faults = Faults(FAULTS)
        self.requests = RequestLog()
        self.deliveries = Deliveries(channels.manners(), faults=self.faults, ledger=self.ledger)
        self.deliveries.retry_factor = config.retry_factor
        self.faults.changed = self.deliveries.faults_changed
        self._world = World(self.deliveries, self.faults, self.ledger)
        self._world.channels.delay = config.receipt_delay
        self._oauth = OAuth(self._world)
        self._oauth.client_id = config.google_client_id
        self._oauth.client_secret = config.google_client_secret
        self._api = Api(self._world)
        self._pace = Pace(None)
        seed.seed(self._world)

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        await asyncio.sleep(work)
        path = _path(request)
        try:
            response = self._respond(request, path, body)
            self.ledger.count("accepted_requests")
        except RefusedError as refused:
            response = errors.render(refused)
        return response

    def refusal(self, status: int, name: str) -> Response:
        return errors.refusal(status, name)

    def too_many(self, retry_after: int) -> Response:
        response = errors.refusal(429, "rateLimitExceeded")
        if retry_after:
            response.headers["retry-after"] = str(retry_after)
        return response

    def too_large(self) -> Response:
        return errors.refusal(413, "uploadTooLarge")

    def control_routes(self) -> Sequence[BaseRoute]:
        return google_routes(self._world)

    def public_routes(self) -> Sequence[BaseRoute]:
        return []

    def settings(self) -> Json:
        return {
            "client_id": self._oauth.client_id,
            "client_secret": self._oauth.client_secret,
            "auto_consent": self._oauth.auto_consent,
            "token_seconds": self._world.grants.token_seconds,
            "cursor_days": self._world.cursor_days,
            "push_delay": self._world.channels.delay,
            "retry_factor": self.deliveries.retry_factor,
            "rate_per_second": self._pace.per_second,
            "key_property": self._world.key_property,
        }

    def change(self, wanted: Json) -> None:
        given = settings.read_settings(wanted, self.settings(), CHECKS)
        self._oauth.client_id = given["client_id"]
        self._oauth.client_secret = given["client_secret"]
        self._oauth.auto_consent = given["auto_consent"]
        self._world.grants.token_seconds = int(given["token_seconds"])
        self._world.cursor_days = given["cursor_days"]
        self._world.channels.delay = given["push_delay"]
        self.deliveries.retry_factor = given["retry_factor"]
        self._pace.per_second = given["rate_per_second"]
        self._world.key_property = given["key_property"]

    def clear(self) -> None:
        """Goes back to the start; the channels are gone, the consents are not."""
        self._world.clear()
        seed.seed(self._world)

    def _respond(self, request: Request, path: str, body: bytes) -> Response:
        if endpoint := self._oauth.routes.get((request.method, path)):
            if path == "/token" and self.faults.strikes("grant_gone", f"POST {path}"):
                raise OAuthRefusedError("invalid_grant", "Token has been expired or revoked.")
            return endpoint(request, body)
        if not self._pace.take():
            raise CalendarRefusedError("rateLimitExceeded")
        return self._api.answer(request, path, body)


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))
