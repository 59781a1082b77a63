"""One WhatsApp business account: authenticate -> endpoint, with its pace inside."""

import asyncio
import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.config import SandboxConfig
from sandbox.lib import settings
from sandbox.lib.faults import REQUEST_FAULTS, WEBHOOK_FAULTS, FaultKind, Faults, Json
from sandbox.lib.pace import Pace
from sandbox.lib.state import Ledger, RequestLog
from sandbox.phones import Phones
from sandbox.webhooks import webhook
from sandbox.webhooks.delivery import Deliveries

from . import control, errors
from .api import profile
from .api.routes import Api
from .errors import RefusedError
from .model import outbox
from .model.exchange import Exchange
from .model.inbound import File
from .model.limits import PairLimit
from .model.message import Event, Received, Sent
from .model.payloads import Number
from .model.templates import Template

# No moment is signed, and a throttle does not say when to come back.
FAULTS = (
    *(
        replace(kind, explains="Answers 429 with code 130429.", fields={})
        if kind.name == "rate_limit"
        else kind
        for kind in REQUEST_FAULTS + WEBHOOK_FAULTS
        if kind.name != "webhook_clock_skew"
    ),
    FaultKind(
        "webhook_batch",
        "Batch webhooks",
        "Collects for a while and posts everything in one body.",
        {"seconds": 1.0, "size": 50},
    ),
    FaultKind(
        "webhook_skip_delivered",
        "Skip delivered",
        "Says read at once, as when the chat is open on the phone.",
    ),
)

CHECKS: settings.Checks = {
    "webhook_url": settings.is_text,
    "access_token": settings.is_filled,
    "app_secret": settings.is_filled,
    "verify_token": settings.is_filled,
    "retry_factor": settings.is_duration,
    "rate_per_second": settings.is_rate,
    "pair_burst": settings.is_rate,
    "pair_seconds": settings.is_duration,
    "receipt_delay": settings.is_duration,
    "auto_receipts": settings.is_switch,
    "window_hours": settings.is_duration,
    "quality_rating": lambda value: value in profile.RATINGS,
    "messaging_limit_tier": lambda value: value in profile.TIERS,
}


class WhatsApp:
    KINDS: ClassVar[tuple[type, ...]] = (
        *webhook.KINDS,
        Sent,
        Received,
        Event,
        outbox.Change,
        Template,
        File,
    )
    KEPT: ClassVar[tuple[str, ...]] = ("ledger", "deliveries", "exchange", "_api")

    slug = "whatsapp"
    address = "graph"

    def __init__(self, config: SandboxConfig, phones: Phones) -> None:
        self._token = config.whatsapp_access_token
        self._secret = config.whatsapp_app_secret
        self._verify_token = config.whatsapp_verify_token
        self.ledger = Ledger()
        self.faults = Faults(FAULTS)
        self.requests = RequestLog()
        manners = outbox.manners(lambda: self._secret)
        self.deliveries = Deliveries(manners, faults=self.faults, ledger=self.ledger)
        self.deliveries.url = config.whatsapp_webhook_url
        self.deliveries.retry_factor = config.retry_factor
        posts = outbox.Outbox(self.deliveries, self.faults, config.whatsapp_business_account_id)
        self.faults.changed = posts.faults_changed
        number = Number(config.whatsapp_phone_number_id)
        self.exchange = Exchange(
            number, posts, faults=self.faults, ledger=self.ledger, phones=phones
        )
        self.exchange.receipt_delay = config.receipt_delay
        phones.listeners.append(self.exchange.reach_changed)
        self._pace = Pace(config.whatsapp_rate_per_second)
        self._pairs = PairLimit()
        self._profile = profile.Profile(
            number.id, config.whatsapp_business_account_id, number.display
        )
        self._api = Api(self.exchange, self._profile, self._pace, self._pairs)

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        try:
            self._authenticate(request)
            await asyncio.sleep(work)
            response = self._api.answer(request, _path(request), body)
            self.ledger.count("accepted_requests")
        except RefusedError as refused:
            response = errors.render(refused)
        return _dressed(request, response)

    def refusal(self, status: int, name: str) -> Response:
        return errors.refusal(status, name)

    def too_many(self, _: int) -> Response:
        return errors.render(RefusedError(130429))

    def too_large(self) -> Response:
        return errors.refusal(413, "100")

    def control_routes(self) -> Sequence[BaseRoute]:
        return control.routes(self.exchange, self._api, lambda: self._verify_token)

    def public_routes(self) -> Sequence[BaseRoute]:
        return []

    def settings(self) -> Json:
        return {
            "phone_number_id": self._profile.number_id,
            "business_account_id": self._profile.account_id,
            "access_token": self._token,
            "app_secret": self._secret,
            "verify_token": self._verify_token,
            "webhook_url": self.deliveries.url,
            "retry_factor": self.deliveries.retry_factor,
            "rate_per_second": self._pace.per_second,
            "pair_burst": self._pairs.burst,
            "pair_seconds": self._pairs.seconds,
            "receipt_delay": self.exchange.receipt_delay,
            "auto_receipts": self.exchange.auto_receipts,
            "window_hours": self.exchange.window_hours,
            "quality_rating": self._profile.quality_rating,
            "messaging_limit_tier": self._profile.messaging_limit_tier,
        }

    def change(self, wanted: Json) -> None:
        given = settings.read_settings(wanted, self.settings(), CHECKS)
        self._token, self._secret = given["access_token"], given["app_secret"]
        self._verify_token = given["verify_token"]
        self.deliveries.url = given["webhook_url"]
        self.deliveries.retry_factor = given["retry_factor"]
        self._pace.per_second = given["rate_per_second"]
        self._pairs.burst, self._pairs.seconds = given["pair_burst"], given["pair_seconds"]
        for name in ("receipt_delay", "auto_receipts", "window_hours"):
            setattr(self.exchange, name, given[name])
        for name in ("quality_rating", "messaging_limit_tier"):
            setattr(self._profile, name, given[name])

    def clear(self) -> None:
        self.exchange.clear()
        self._api.clear()

    def spoken(self) -> Iterator[Sent | Received]:
        return self.exchange.spoken()

    def standing(self, phone: str) -> Json:
        return self.exchange.standing(phone)

    def read(self, phone: str) -> None:
        self.exchange.read(phone)

    def reach_changed(self, phone: str) -> None:
        self.exchange.reach_changed(phone)

    def _authenticate(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        token = token or request.query_params.get("access_token", "")
        if not token:
            raise RefusedError(104)
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise RefusedError(190)


def _dressed(request: Request, response: Response) -> Response:
    response.headers["facebook-api-version"] = _path(request).split("/")[1] or "v23.0"
    response.headers["x-fb-trace-id"] = secrets.token_urlsafe(8)
    usage = {"call_count": 1, "total_cputime": 1, "total_time": 1}
    response.headers["x-app-usage"] = json.dumps(usage)
    return response


def _path(request: Request) -> str:
    path: Any = request.scope["path"]
    return str(path).removeprefix(request.scope.get("root_path", ""))
