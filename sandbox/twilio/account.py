"""One Twilio account: authenticate -> pace -> endpoint."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.config import SandboxConfig
from sandbox.lib import settings
from sandbox.lib.faults import REQUEST_FAULTS, WEBHOOK_FAULTS, Faults, Json
from sandbox.lib.pace import Pace
from sandbox.lib.state import Ledger, RequestLog
from sandbox.phones import Phones
from sandbox.webhooks import webhook
from sandbox.webhooks.delivery import Deliveries

from . import callbacks, control, errors
from .api import Api
from .errors import RefusedError
from .message import VERSION, Media, Message
from .switchboard import Switchboard

# No moment is signed, and a 429 does not say when to come back.
FAULTS = tuple(
    replace(kind, explains="Answers 429 with code 20429.", fields={})
    if kind.name == "rate_limit"
    else kind
    for kind in REQUEST_FAULTS + WEBHOOK_FAULTS
    if kind.name != "webhook_clock_skew"
)

CHECKS: settings.Checks = {
    "webhook_url": settings.is_text,
    "auth_token": settings.is_filled,
    "retry_factor": settings.is_duration,
    "rate_per_second": settings.is_rate,
    "receipt_delay": settings.is_duration,
    "auto_receipts": settings.is_switch,
    "advanced_opt_out": settings.is_switch,
    "service_sender": settings.is_filled,
    "numbers": settings.is_texts,
    "services": settings.is_texts,
}


class Twilio:
    KINDS: ClassVar[tuple[type, ...]] = (*webhook.KINDS, Message, Media)
    KEPT: ClassVar[tuple[str, ...]] = ("ledger", "deliveries", "board")

    slug = address = "twilio"

    def __init__(self, config: SandboxConfig, phones: Phones) -> None:
        self._sid = config.twilio_account_sid
        self._token = config.twilio_auth_token
        self.ledger = Ledger()
        self.faults = Faults(FAULTS)
        self.requests = RequestLog()
        manners = callbacks.manners(lambda: self._token)
        self.deliveries = Deliveries(manners, faults=self.faults, ledger=self.ledger)
        self.faults.changed = self.deliveries.faults_changed
        self.deliveries.url = config.twilio_webhook_url
        self.deliveries.retry_factor = config.retry_factor
        self.board = Switchboard(self.deliveries, self.ledger, phones)
        self.board.receipt_delay = config.receipt_delay
        phones.listeners.append(self.board.reach_changed)
        self._pace = Pace(None)
        self._api = Api(self.board, self._sid)
        self._busy = 0

    async def answer(self, request: Request, body: bytes, *, work: float) -> Response:
        self._busy += 1
        try:
            self._admit(request)
            await asyncio.sleep(work)
            response = self._api.answer(request, _path(request), body)
            self.ledger.count("accepted_requests")
        except RefusedError as refused:
            response = errors.render(refused)
        finally:
            self._busy -= 1
        return self._dressed(response)

    def refusal(self, status: int, name: str) -> Response:
        return self._dressed(errors.refusal(status, name))

    def too_many(self, _: int) -> Response:
        return self._dressed(errors.render(RefusedError(20429)))

    def too_large(self) -> Response:
        return self._dressed(errors.refusal(413, "20001"))

    def control_routes(self) -> Sequence[BaseRoute]:
        return control.routes(self.board, f"/{self.address}", self._sid)

    def public_routes(self) -> Sequence[BaseRoute]:
        return []

    def settings(self) -> Json:
        return {
            "account_sid": self._sid,
            "auth_token": self._token,
            "webhook_url": self.deliveries.url,
            "retry_factor": self.deliveries.retry_factor,
            "rate_per_second": self._pace.per_second,
            "receipt_delay": self.board.receipt_delay,
            "auto_receipts": self.board.auto_receipts,
            "advanced_opt_out": self.board.advanced_opt_out,
            "service_sender": self.board.service_sender,
            "numbers": self._api.numbers,
            "services": self._api.services,
        }

    def change(self, wanted: Json) -> None:
        given = settings.read_settings(wanted, self.settings(), CHECKS)
        self._token = given["auth_token"]
        self.deliveries.url = given["webhook_url"]
        self.deliveries.retry_factor = given["retry_factor"]
        self._pace.per_second = given["rate_per_second"]
        self._api.numbers = given["numbers"]
        self._api.services = given["services"]
        for name in ("receipt_delay", "auto_receipts", "advanced_opt_out", "service_sender"):
            setattr(self.board, name, given[name])

    def clear(self) -> None:
        self.board.clear()

    def spoken(self) -> Iterator[Message]:
        return self.board.spoken()

    def standing(self, phone: str) -> Json:
        return self.board.standing(phone)

    def read(self, phone: str) -> None:
        self.board.read(phone)

    def reach_changed(self, phone: str) -> None:
        self.board.reach_changed(phone)

    def _admit(self, request: Request) -> None:
        sid, token = _credentials(request.headers.get("authorization", ""))
        good = hmac.compare_digest(sid.encode(), self._sid.encode())
        good &= hmac.compare_digest(token.encode(), self._token.encode())
        # Another account's path with this account's credentials is refused the same way.
        if not good or not _path(request).startswith(f"/{VERSION}/Accounts/{self._sid}"):
            raise RefusedError(20003)
        if not self._pace.take():
            raise RefusedError(20429)

    def _dressed(self, response: Response) -> Response:
        response.headers["twilio-concurrent-requests"] = str(self._busy + 1)
        response.headers["twilio-request-id"] = "RQ" + secrets.token_hex(16)
        return response


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    sid, _, token = decoded.partition(":")
    return (sid, token) if scheme.lower() == "basic" else ("", "")


def _path(request: Request) -> str:
    path: Any = request.scope["path"]
    return str(path).removeprefix(request.scope.get("root_path", ""))
