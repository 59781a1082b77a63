"""The control API's part that only Twilio has: messages, their fate, incoming ones."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object, limit_of

from . import rules
from .message import WHATSAPP, Json, Media, Message, new_sid
from .segments import segments
from .switchboard import Switchboard

STATUSES = (
    "accepted", "scheduled", "queued", "sending", "sent", "delivered", "undelivered", "failed",
    "canceled", "read", "partially_delivered",
)  # fmt: skip


def routes(board: Switchboard, address: str, account_sid: str) -> Sequence[BaseRoute]:
    desk = Desk(board, address, account_sid)
    return [
        Route("/messages", desk.messages),
        Route("/messages/{sid}", guarded(desk.message), methods=["GET", "PATCH"]),
        Route("/messages/{sid}/events", guarded(desk.record), methods=["POST"]),
        Route("/inbound", guarded(desk.inbound), methods=["GET", "POST"]),
        Route("/stats", desk.stats),
    ]


class Desk:
    def __init__(self, board: Switchboard, address: str, account_sid: str) -> None:
        self._board = board
        self._address = address
        self._account = account_sid

    async def messages(self, request: Request) -> Response:
        found = zip(self._find(request), range(limit_of(request)), strict=False)
        return JSONResponse({"messages": [message.in_full() for message, _ in found]})

    async def message(self, request: Request) -> Response:
        message = self._message(request)
        if request.method == "PATCH":
            message.seen = (await json_object(request)).get("seen") is True
        return JSONResponse(message.in_full())

    async def record(self, request: Request) -> Response:
        message = self._message(request)
        given = await json_object(request)
        status, code = given.get("type"), given.get("error_code")
        if status not in STATUSES:
            raise HTTPException(422, f"type is one of {', '.join(STATUSES)}.")
        if code is not None and (isinstance(code, bool) or not isinstance(code, int)):
            raise HTTPException(422, "error_code is a number, such as 30003.")
        if code is None and status in ("undelivered", "failed"):
            code = 30008
        self._board.record(message, status, code)
        return JSONResponse(message.in_full(), status_code=201)

    async def inbound(self, request: Request) -> Response:
        if request.method == "POST":
            given = await json_object(request)
            try:
                message, extra = self._compose(given, request)
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
            self._board.receive(message, extra)
            return JSONResponse(message.in_full(), status_code=201)
        shown = [kept.in_full() for kept in self._board.messages.newest() if not kept.outbound]
        return JSONResponse({"messages": shown[: limit_of(request)]})

    async def stats(self, request: Request) -> Response:
        sent = [
            message
            for message in self._board.messages.newest()
            if message.direction == "outbound-api"
        ]
        phones = Counter(message.phone for message in sent)
        ours = Counter(message.ours for message in sent if message.ours)
        tag = request.query_params.get("tag")
        shown: Json = {
            "messages": len(sent),
            "evicted": self._board.messages.evicted,
            "phones": phones,
            "repeated": _repeated(phones),
            "ours_repeated": _repeated(ours),
            "statuses": Counter(message.status for message in sent),
            "bodies_repeated": _repeated(
                Counter(f"{message.phone} {message.body}" for message in sent)
            ),
        }
        if tag:
            tags = [message.tags for message in sent]
            shown["tags"] = Counter(tagged[tag] for tagged in tags if tag in tagged)
        return JSONResponse(shown)

    def _compose(self, given: Json, request: Request) -> tuple[Message, dict[str, str]]:
        sender, to = _addresses(given, self._last_sender(given))
        body, media, extra = _parts(given)
        message = Message(
            account_sid=self._account,
            to=to,
            sender=sender,
            body=body,
            status="received",
            direction="inbound",
            seen=True,
            segments=segments(body),
            sid=new_sid("MM" if media else "SM"),
        )
        there = f"{request.url.scheme}://{request.url.netloc}{self._address}{message.uri}/Media/"
        message.media = tuple(_media(medium, there) for medium in media)
        return message, {str(name): str(value) for name, value in extra.items()}

    def _last_sender(self, given: Json) -> str:
        """A reply goes to whoever wrote last on that channel."""
        phone, channel = str(given.get("from", "")), "sms"
        if phone.startswith(WHATSAPP):
            phone, channel = phone.removeprefix(WHATSAPP), "whatsapp"
        for message in self._board.messages.newest():
            if (
                message.outbound
                and message.phone == phone
                and message.channel == channel
                and message.sender
            ):
                return message.sender
        return (WHATSAPP if channel == "whatsapp" else "") + self._board.service_sender

    def _find(self, request: Request) -> Iterator[Message]:
        wanted = request.query_params
        tag, _, value = wanted.get("tag", "").partition(":")
        for message in self._board.messages.newest():
            if (
                wanted.get("to", message.to) in (message.to, message.phone)
                and wanted.get("status", message.status) == message.status
                and (not tag or message.tags.get(tag) == value)
            ):
                yield message

    def _message(self, request: Request) -> Message:
        message = self._board.messages.find(request.path_params["sid"])
        if message is None:
            raise HTTPException(404, "There is no such message, or it was too long ago.")
        return message


def _repeated(counts: Counter[str]) -> dict[str, int]:
    return {value: times for value, times in counts.items() if times > 1}


def _addresses(given: Json, usual_to: str) -> tuple[str, str]:
    sender, to = given.get("from"), given.get("to") or usual_to
    for name, value in (("from", sender), ("to", to)):
        number = str(value).removeprefix(WHATSAPP)
        if not any(kind.fullmatch(number) for kind in (rules.E164, rules.SHORT_CODE)):
            raise ValueError(
                f"{name} is a number such as +447700900123, or whatsapp:+447700900123."
            )
    if str(sender).startswith(WHATSAPP) != str(to).startswith(WHATSAPP):
        raise ValueError("from and to are both on WhatsApp, or neither is.")
    return str(sender), str(to)


def _parts(given: Json) -> tuple[str, list[Any], Json]:
    body, media, extra = given.get("body", ""), given.get("media", []), given.get("extra", {})
    if isinstance(body, str) and isinstance(media, list) and isinstance(extra, dict):
        return body, media, extra
    raise ValueError("body is a text, media a list, extra an object of form fields.")


def _media(given: Any, there: str) -> Media:
    """``{"url", "content_type"}``, or ``{"content": base64, …}`` to be fetched here."""
    if not isinstance(given, dict):
        raise ValueError("media is a list of objects with a url or a content.")  # noqa: TRY004
    kind = str(given.get("content_type", "image/jpeg"))
    if "url" in given:
        return Media(str(given["url"]), kind)
    try:
        content = base64.b64decode(str(given.get("content", "")), validate=True)
    except binascii.Error as error:
        raise ValueError("content is base64.") from error
    sid = new_sid("ME")
    return Media(there + sid, kind, content, sid)
