"""The control API's part that only Resend has: mails, mailboxes, replies, settings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object, limit_of
from sandbox.lib import settings
from sandbox.webhooks import signing

from . import addresses, compose, events
from .mail import Mail
from .mailboxes import mailbox, mailboxes
from .mailroom import Mailroom

Json = dict[str, Any]


def routes(room: Mailroom) -> Sequence[BaseRoute]:
    desk = Desk(room)
    post = ["POST"]
    return [
        Route("/emails", desk.mails),
        Route("/emails/{id}", guarded(desk.mail), methods=["GET", "PATCH"]),
        Route("/emails/{id}/events", guarded(desk.record), methods=post),
        Route("/emails/{id}/reply", guarded(desk.reply), methods=post),
        Route("/inbound", guarded(desk.inbound), methods=["GET", "POST"]),
        Route("/mailboxes", desk.mailboxes),
        Route("/mailboxes/{address}", desk.mailbox),
        Route("/stats", desk.stats),
    ]


class Desk:
    def __init__(self, room: Mailroom) -> None:
        self._room = room

    async def mails(self, request: Request) -> Response:
        limit = limit_of(request)
        shown = [mail.in_full() for mail, _ in zip(self._find(request), range(limit), strict=False)]
        return JSONResponse({"emails": shown})

    async def mail(self, request: Request) -> Response:
        mail = self._mail(request)
        if request.method == "PATCH":
            mail.seen = (await json_object(request)).get("seen") is True
        contents = [attachment.with_content() for attachment in mail.attachments]
        full = {**mail.in_full(), "attachments": contents, "request": mail.request}
        return JSONResponse(full)

    async def record(self, request: Request) -> Response:
        mail = self._mail(request)
        given = await json_object(request)
        event = events.event_name(given.get("type"))
        details = given.get("details") or {}
        if event is None or not isinstance(details, dict):
            raise HTTPException(422, f"type is one of {', '.join(events.EVENTS)}.")
        self._room.record(mail, event, details)
        return JSONResponse(mail.in_full(), status_code=201)

    async def reply(self, request: Request) -> Response:
        return self._receive(await json_object(request), answers=self._mail(request))

    async def inbound(self, request: Request) -> Response:
        if request.method == "POST":
            return self._receive(await json_object(request))
        shown = [received.as_json() for received in self._room.received.newest()]
        return JSONResponse({"emails": shown[: limit_of(request)]})

    async def mailboxes(self, _: Request) -> Response:
        return JSONResponse({"mailboxes": mailboxes(self._room)})

    async def mailbox(self, request: Request) -> Response:
        address = request.path_params["address"]
        return JSONResponse(mailbox(self._room, address, limit_of(request)))

    async def stats(self, request: Request) -> Response:
        mails = list(self._room.mails.newest())
        recipients = Counter(address for mail in mails for address in _bare(mail.recipients))
        tag = request.query_params.get("tag")
        shown: Json = {
            "mails": len(mails),
            "evicted": self._room.mails.evicted,
            "recipients": recipients,
            "repeated": {address: times for address, times in recipients.items() if times > 1},
            "last_events": Counter(mail.last_event for mail in mails),
            "subjects": Counter(mail.subject for mail in mails).most_common(20),
        }
        if tag:
            shown["tags"] = Counter(mail.tags[tag] for mail in mails if tag in mail.tags)
        return JSONResponse(shown)

    def _receive(self, given: Json, *, answers: Mail | None = None) -> Response:
        try:
            received = compose.received(given, answers=answers)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        self._room.receive(received)
        return JSONResponse(received.as_json(), status_code=201)

    def _find(self, request: Request) -> Iterator[Mail]:
        wanted = request.query_params
        to, key = wanted.get("to", "").lower(), wanted.get("idempotency_key")
        tag, _, value = wanted.get("tag", "").partition(":")
        for mail in self._room.mails.newest():
            if (
                (not to or to in _bare(mail.recipients))
                and (not key or mail.idempotency_key == key)
                and (not tag or mail.tags.get(tag) == value)
            ):
                yield mail

    def _mail(self, request: Request) -> Mail:
        mail = self._room.mails.find(request.path_params["id"])
        if mail is None:
            raise HTTPException(404, "There is no such mail, or it was too long ago.")
        return mail


def _bare(given: list[str]) -> list[str]:
    return [addresses.bare(address) or address for address in given]


def _is_secret(value: Any) -> bool:
    return isinstance(value, str) and signing.is_svix_secret(value)


def _is_suppressions(value: Any) -> bool:
    return isinstance(value, dict) and all(reason in REASONS for reason in value.values())


def _is_access(value: Any) -> bool:
    return value in (FULL_ACCESS, SENDING_ACCESS)


FULL_ACCESS, SENDING_ACCESS = "full_access", "sending_access"
REASONS = ("previous_bounce", "previous_complaint")
CHECKS: settings.Checks = {
    "webhook_url": settings.is_text,
    "webhook_secret": _is_secret,
    "retry_factor": settings.is_duration,
    "rate_per_second": settings.is_rate,
    "receipt_delay": settings.is_duration,
    "auto_receipts": settings.is_switch,
    "suppressions": _is_suppressions,
    "domains": settings.is_texts,
    "key_access": _is_access,
}
