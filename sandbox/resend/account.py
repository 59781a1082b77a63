"""One Resend account: authenticate -> pace -> once per key -> endpoint -> rate headers."""

import asyncio
import hmac
import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.config import SandboxConfig
from sandbox.lib.faults import Faults, Json
from sandbox.lib.pace import Pace
from sandbox.lib.settings import read_settings
from sandbox.lib.state import Ledger, RequestLog
from sandbox.webhooks import signing, webhook
from sandbox.webhooks.delivery import Deliveries
from sandbox.webhooks.webhook import Delivery, Manners

from . import control, errors
from .api import Api
from .errors import RefusedError
from .idempotency import Answer, Idempotency, Remembered
from .mail import Attachment, Mail, Received
from .mailroom import Mailroom
from .receiving import Downloads

# Svix: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h.
RETRY_AFTER = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
POSTED_AS = {"user-agent": "Svix-Webhooks/1.0", "content-type": "application/json"}
ONCE_PER_KEY = (("POST", "/emails"), ("POST", "/emails/batch"))


class Resend:
    KINDS: ClassVar[tuple[type, ...]] = (
        *webhook.KINDS,
        Mail,
        Received,
        Attachment,
        Remembered,
        Answer,
    )
    KEPT: ClassVar[tuple[str, ...]] = (
        "ledger",
        "deliveries",
        "mailroom",
        "_idempotency",
        "_downloads",
    )

    slug = address = "resend"

    def __init__(self, config: SandboxConfig) -> None:
        self._api_key = config.resend_api_key
        self._secret = config.resend_webhook_secret or signing.new_svix_secret()
        self._key_access = control.FULL_ACCESS
        self.ledger = Ledger()
        self.faults = Faults()
        self.requests = RequestLog()
        manners = Manners(
            sign=self._sign,
            forge=partial(_sign_with, signing.new_svix_secret()),
            headers=POSTED_AS,
            retry_after=RETRY_AFTER,
        )
        self.deliveries = Deliveries(manners, faults=self.faults, ledger=self.ledger)
        self.faults.changed = self.deliveries.faults_changed
        self.deliveries.url = config.resend_webhook_url
        self.deliveries.retry_factor = config.retry_factor
        self.mailroom = Mailroom(self.deliveries, self.ledger)
        self.mailroom.receipt_delay = config.receipt_delay
        self._pace = Pace(config.rate_per_second)
        self._idempotency = Idempotency()
        self._downloads = Downloads(self.mailroom)
        self._api = Api(self.mailroom, self._downloads, config.resend_domains)

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        try:
            self._authenticate(request)
            if not self._pace.take():
                return self.too_many(self._pace.retry_after())
            response = await self._once(request, body, work)
            # Whatever a fault makes of the answer afterwards.
            self.ledger.count("accepted_requests")
        except RefusedError as refused:
            response = errors.render(refused)
        response.headers.update(self._rate_headers())
        return response

    def refusal(self, status: int, name: str) -> Response:
        response = errors.refusal(status, name)
        response.headers.update(self._rate_headers())
        return response

    def too_many(self, retry_after: int) -> Response:
        response = errors.render(RefusedError("rate_limit_exceeded"))
        headers = {"ratelimit-remaining": "0", "retry-after": str(retry_after)}
        response.headers.update(self._rate_headers() | headers)
        return response

    def too_large(self) -> Response:
        too_large = RefusedError("validation_error", "The request is larger than 40 MB.", 413)
        return errors.render(too_large)

    def control_routes(self) -> Sequence[BaseRoute]:
        return control.routes(self.mailroom)

    def public_routes(self) -> Sequence[BaseRoute]:
        return self._downloads.routes()

    def settings(self) -> Json:
        return {
            "webhook_url": self.deliveries.url,
            "webhook_secret": self._secret,
            "retry_factor": self.deliveries.retry_factor,
            "rate_per_second": self._pace.per_second,
            "receipt_delay": self.mailroom.receipt_delay,
            "auto_receipts": self.mailroom.auto_receipts,
            "suppressions": self.mailroom.suppressions,
            "domains": sorted(self._api.domains),
            "key_access": self._key_access,
        }

    def change(self, wanted: Json) -> None:
        settings = read_settings(wanted, self.settings(), control.CHECKS)
        self.deliveries.url = settings["webhook_url"]
        self.deliveries.retry_factor = settings["retry_factor"]
        self.mailroom.receipt_delay = settings["receipt_delay"]
        self.mailroom.auto_receipts = settings["auto_receipts"]
        self.mailroom.suppressions = settings["suppressions"]
        self._api.domains = frozenset(settings["domains"])
        self._key_access = settings["key_access"]
        self._secret = settings["webhook_secret"]
        self._pace.per_second = settings["rate_per_second"]

    def clear(self) -> None:
        self.mailroom.clear()
        self._idempotency.clear()

    def _sign(self, delivery: Delivery, timestamp: int) -> dict[str, str]:
        return _sign_with(self._secret, delivery, timestamp)

    def _rate_headers(self) -> dict[str, str]:
        """https://resend.com/docs/api-reference/rate-limit"""
        if self._pace.per_second is None:
            return {}
        return {
            "ratelimit-limit": str(self._pace.per_second),
            "ratelimit-remaining": str(self._pace.left()),
            "ratelimit-reset": str(self._pace.retry_after()),
        }

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise RefusedError("missing_api_key")
        if not hmac.compare_digest(key.strip().encode(), self._api_key.encode()):
            raise RefusedError("invalid_api_key")
        # https://resend.com/docs/api-reference/api-keys/create-api-key
        is_sending = (request.method, _path(request)) in ONCE_PER_KEY
        if self._key_access == control.SENDING_ACCESS and not is_sending:
            raise RefusedError("restricted_api_key")

    async def _once(self, request: Request, body: bytes, work: float) -> Response:
        key = request.headers.get("idempotency-key")
        if key is None or (request.method, _path(request)) not in ONCE_PER_KEY:
            await asyncio.sleep(work)
            return self._api.answer(request, body)
        if earlier := self._idempotency.begin(key, body):
            return Response(earlier.body, earlier.status, media_type="application/json")
        response = errors.refusal(500, "")
        try:
            await asyncio.sleep(work)
            response = self._api.answer(request, body)
        finally:
            self._idempotency.finish(key, response)
        return response


def _sign_with(secret: str, delivery: Delivery, timestamp: int) -> dict[str, str]:
    return signing.svix_headers(
        secret=secret,
        event_id=delivery.id,
        timestamp=timestamp or int(time.time()),
        body=delivery.body,
    )


def _path(request: Request) -> str:
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))
