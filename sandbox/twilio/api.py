"""The endpoints of https://www.twilio.com/docs/messaging/api/message-resource."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.lib.times import parse

from . import rules
from .errors import RefusedError
from .message import FINAL, VERSION, Media, Message
from .segments import segments, smart
from .switchboard import Switchboard

Json = dict[str, Any]
Endpoint = Callable[..., Response]

MAX_PAGE = 1000
USUAL_PAGE = 50


class Api:
    def __init__(self, board: Switchboard, account_sid: str) -> None:
        self.numbers: list[str] = []
        self.services: list[str] = []
        self._board = board
        self._account = account_sid
        base = f"/{VERSION}/Accounts/{re.escape(account_sid)}"
        message = r"(?P<sid>(?:SM|MM)[0-9a-fA-F]{32})"
        self._routes: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = [
            (re.compile(rf"{base}\.json"), {"GET": self.account}),
            (re.compile(rf"{base}/Messages\.json"), {"POST": self.create, "GET": self.every}),
            (
                re.compile(rf"{base}/Messages/{message}\.json"),
                {"GET": self.fetch, "POST": self.update, "DELETE": self.delete},
            ),
            (
                re.compile(rf"{base}/Messages/{message}/Media/(?P<media>ME[0-9a-fA-F]{{32}})"),
                {"GET": self.media},
            ),
        ]

    def answer(self, request: Request, path: str, body: bytes) -> Response:
        for pattern, methods in self._routes:
            if found := pattern.fullmatch(path):
                if request.method not in methods:
                    raise RefusedError(20004)
                return methods[request.method](request, body, **found.groupdict())
        raise RefusedError(20404, path)

    def create(self, _: Request, body: bytes) -> Response:
        given = rules.read_form(body)
        form = dict(given)
        rules.check_new(form)
        self._check_senders(form)
        message = self._compose(form, given)
        if self._board.opt_outs.is_out(message.scope, message.phone):
            raise RefusedError(21610)
        # As it was when it was taken: the first callbacks may be under way before this answer.
        answer = message.as_json()
        self._board.accept(message)
        return JSONResponse(answer, 201)

    def fetch(self, _request: Request, _: bytes, sid: str) -> Response:
        return JSONResponse(self._message(sid).as_json())

    def update(self, _: Request, body: bytes, sid: str) -> Response:
        message = self._message(sid)
        form = rules.read_form(body)
        if form.get("Status") == "canceled":
            if message.status != "scheduled":
                raise RefusedError(30409)
            self._board.record(message, "canceled")
        elif form.get("Body") == "":
            self._check_done(message)
            message.body = ""
        else:
            raise RefusedError(20001, "Body can only be emptied and Status only be canceled")
        return JSONResponse(message.as_json())

    def delete(self, _request: Request, _: bytes, sid: str) -> Response:
        self._check_done(self._message(sid))
        self._board.messages.remove(sid)
        return Response(status_code=204)

    def media(self, _request: Request, _: bytes, sid: str, media: str) -> Response:
        for medium in self._message(sid).media:
            if medium.sid == media and medium.content:
                headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
                return Response(medium.content, headers=headers, media_type=medium.content_type)
        raise RefusedError(20404, media)

    def every(self, request: Request, _: bytes) -> Response:
        query = request.query_params
        size = _number(query.get("PageSize"), USUAL_PAGE, MAX_PAGE) or USUAL_PAGE
        page = _number(query.get("Page"), 0, 1_000_000)
        found = [message for message in self._board.messages.newest() if _wanted(message, request)]
        shown = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        there = _pages(request, size)
        return JSONResponse(
            {
                "messages": [message.as_json() for message in shown],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(0, len(shown) - 1),
                "uri": there(page),
                "first_page_uri": there(0),
                "next_page_uri": there(page + 1) if more else None,
                "previous_page_uri": there(page - 1) if page else None,
            }
        )

    def account(self, _request: Request, _: bytes) -> Response:
        uri = f"/{VERSION}/Accounts/{self._account}"
        created = "Thu, 05 Nov 2026 08:00:00 +0000"
        return JSONResponse(
            {
                "sid": self._account,
                "friendly_name": "WedSync sandbox",
                "status": "active",
                "type": "Full",
                "auth_token": "the one in use",
                "owner_account_sid": self._account,
                "date_created": created,
                "date_updated": created,
                "subresource_uris": {"messages": f"{uri}/Messages.json"},
                "uri": f"{uri}.json",
            }
        )

    def _check_senders(self, form: Json) -> None:
        sender, service = form.get("From"), form.get("MessagingServiceSid")
        if sender and self.numbers and sender not in self.numbers:
            raise RefusedError(21606, sender)
        if service and self.services and service not in self.services:
            raise RefusedError(21701, service)

    def _compose(self, form: Json, given: Json) -> Message:
        body = form.get("Body", "")
        if form.get("SmartEncoded"):
            body = smart(body)
        scheduled = "SendAt" in form
        service = form.get("MessagingServiceSid")
        return Message(
            account_sid=self._account,
            to=form["To"],
            sender=form.get("From"),
            service_sid=service,
            body=body or ("(content template)" if "ContentSid" in form else ""),
            status="scheduled" if scheduled else "accepted" if service else "queued",
            media=tuple(Media(url, "image/jpeg") for url in form.get("MediaUrl", [])),
            segments=segments(body),
            status_callback=form.get("StatusCallback", ""),
            form=given,
            send_at=parse(form["SendAt"]) if scheduled else None,
        )

    def _check_done(self, message: Message) -> None:
        if message.status not in FINAL | {"sent"}:
            raise RefusedError(20009)

    def _message(self, sid: str) -> Message:
        message = self._board.messages.find(sid)
        if message is None:
            raise RefusedError(20404, f"/{VERSION}/Accounts/{self._account}/Messages/{sid}.json")
        return message


def _wanted(message: Message, request: Request) -> bool:
    query = request.query_params
    if query.get("To", message.to) != message.to:
        return False
    if query.get("From", message.sender) != message.sender:
        return False
    return all(
        fits(message, _day(query[name])) for name, fits in DATE_FILTERS.items() if name in query
    )


# A filter by date skips what has not been sent yet.
DATE_FILTERS: dict[str, Callable[[Message, date], bool]] = {
    "DateSent": lambda message, day: _sent_on(message) == day,
    "DateSent<": lambda message, day: (_sent_on(message) or date.max) <= day,
    "DateSent>": lambda message, day: (_sent_on(message) or date.min) >= day,
}


def _sent_on(message: Message) -> date | None:
    return message.sent_at.date() if message.sent_at else None


def _day(text: str) -> date:
    moment = parse(text)
    if moment is None:
        raise RefusedError(20001, "DateSent")
    return moment.date()


def _number(text: str | None, usual: int, most: int) -> int:
    if text is None:
        return usual
    if not text.isdecimal() or int(text) > most:
        raise RefusedError(20001, "PageSize")
    return int(text)


def _pages(request: Request, size: int) -> Callable[[int], str]:
    """The addresses of other pages: relative to the server, with the filters kept."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    kept = [pair for pair in request.query_params.multi_items() if "Page" not in pair[0]]
    return lambda page: f"{path}?{urlencode([*kept, ('PageSize', size), ('Page', page)])}"
