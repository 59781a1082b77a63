"""The endpoints of https://developers.facebook.com/docs/whatsapp/cloud-api/reference."""

import base64
import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.lib.pace import Pace
from sandbox.lib.reading import parse_json
from sandbox.lib.state import Shelf
from sandbox.whatsapp.errors import RefusedError
from sandbox.whatsapp.model import people, showing
from sandbox.whatsapp.model.exchange import Exchange
from sandbox.whatsapp.model.inbound import File
from sandbox.whatsapp.model.limits import PairLimit
from sandbox.whatsapp.model.message import Json, Sent
from sandbox.whatsapp.model.templates import Templates

from . import history, rules
from .profile import Profile

Endpoint = Callable[..., Response]

USUAL_LIMIT, MAX_LIMIT = 25, 1000


class Api:
    KEPT = ("templates", "files")

    def __init__(self, exchange: Exchange, profile: Profile, pace: Pace, pairs: PairLimit) -> None:
        self.templates = Templates()
        self.files: Shelf[File] = Shelf()
        self._exchange = exchange
        self._profile = profile
        self._pace = pace
        self._pairs = pairs
        number, account = re.escape(profile.number_id), re.escape(profile.account_id)
        self._routes: list[tuple[str, re.Pattern[str], Endpoint]] = [
            ("POST", re.compile(f"{number}/messages"), self.send),
            ("GET", re.compile(f"{number}/message_history"), self.message_history),
            ("GET", re.compile(number), self.show_number),
            ("GET", re.compile(f"{account}/message_templates"), self.list_templates),
            ("GET", re.compile(f"{account}/phone_numbers"), self.list_numbers),
            ("GET", re.compile(account), self.show_account),
            ("GET", re.compile(r"(?P<media>\d{16})"), self.show_media),
            ("GET", re.compile(r"files/(?P<media>\d{16})"), self.download),
        ]

    def answer(self, request: Request, path: str, body: bytes) -> Response:
        version, _, rest = path.removeprefix("/").partition("/")
        if not re.fullmatch(r"v\d{2}\.\d", version) or not rest:
            raise RefusedError(2500, message=f"Unknown path components: {path}")
        for method, pattern, endpoint in self._routes:
            if method == request.method and (found := pattern.fullmatch(rest)):
                return endpoint(request, body, **found.groupdict())
        what = rest.partition("/")[0]
        raise RefusedError(
            100,
            message=f"Unsupported {request.method.lower()} request. Object with ID '{what}' does "
            "not exist, cannot be loaded due to missing permissions, or does not support this "
            "operation",
            subcode=33,
        )

    def send(self, _: Request, body: bytes) -> Response:
        given = _json(body)
        if given.get("status") == "read":
            return self._mark_read(given)
        phone = rules.check(given)
        if phone == f"+{self._exchange.number.display}":
            raise RefusedError(131021)
        sent = self._compose(given, phone)
        if not self._pace.take():
            raise RefusedError(130429)
        if not self._pairs.take(phone):
            raise RefusedError(131056)
        self._exchange.accept(sent)
        return JSONResponse(_accepted(sent))

    def message_history(self, request: Request, _: bytes) -> Response:
        query = request.query_params
        if wanted := query.get("message_id"):
            found = self._exchange.sent.find(wanted)
            if found is None:
                message = "The requested message_id was not found in the message history"
                refused = RefusedError(100, message=message)
                refused.status = 422
                raise refused
            items = [found]
        else:
            items = list(self._exchange.sent.newest())
        url = self._exchange.outbox.url
        shown, paging = _page(items, request)
        data = [history.show(template, query.get("fields", "events"), url) for template in shown]
        return JSONResponse({"data": data, "paging": paging})

    def show_number(self, request: Request, _: bytes) -> Response:
        return JSONResponse(self._profile.number(_fields(request)))

    def list_numbers(self, request: Request, _: bytes) -> Response:
        return JSONResponse({"data": [self._profile.number(_fields(request))]})

    def show_account(self, request: Request, _: bytes) -> Response:
        return JSONResponse(self._profile.account(_fields(request)))

    def list_templates(self, request: Request, _: bytes) -> Response:
        wanted = {
            name: request.query_params[name]
            for name in ("name", "status", "category", "language")
            if name in request.query_params
        }
        every = [template.as_json() for template in self.templates.every]
        found = [
            template
            for template in every
            if all(template[name] == value for name, value in wanted.items())
        ]
        shown, paging = _page(found, request)
        fields = _fields(request)
        kept = [
            {k: v for k, v in template.items() if not fields or k in (*fields, "id")}
            for template in shown
        ]
        return JSONResponse({"data": kept, "paging": paging})

    def show_media(self, request: Request, _: bytes, media: str) -> Response:
        file = self._file(media)
        version = request.scope["path"].removeprefix(request.scope["root_path"]).split("/")[1]
        there = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": f"{there}/{version}/files/{media}",
                "mime_type": file.mime_type,
                "sha256": file.sha256,
                "file_size": len(file.content),
                "id": file.id,
            }
        )

    def download(self, _request: Request, _: bytes, media: str) -> Response:
        file = self._file(media)
        headers = {"content-disposition": "attachment", "x-content-type-options": "nosniff"}
        return Response(file.content, headers=headers, media_type=file.mime_type)

    def clear(self) -> None:
        self.templates = Templates()
        self.files.clear()
        self._pairs.clear()

    def _compose(self, given: Json, phone: str) -> Sent:
        kind = given["type"]
        to = str(given.get("to") or given.get("recipient"))
        sent = Sent(phone, to, kind, showing.seen(kind, given[kind]), given)
        if kind == "template":
            template, sent.text = self.templates.fill(given["template"])
            sent.category = template.category.lower()
            sent.buttons = tuple(
                str(button.get("text") or button["type"]) for button in template.buttons()
            )
            if people.is_hidden(phone) and template.category == "AUTHENTICATION":
                raise RefusedError(131062)
        else:
            sent.buttons = showing.buttons(kind, given[kind])
        return sent

    def _mark_read(self, given: Json) -> Response:
        received = self._exchange.received.find(str(given.get("message_id")))
        if received is None:
            raise RefusedError(131009, "message_id: there is no such message")
        received.read_by_business = True
        return JSONResponse({"success": True})

    def _file(self, media: str) -> File:
        file = self.files.find(media)
        if file is None:
            message = f"Unsupported get request. Object with ID '{media}' does not exist"
            raise RefusedError(100, message=message, subcode=33)
        return file


def _json(body: bytes) -> Json:
    try:
        given: Any = parse_json(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise RefusedError(100, message="(#100) The body must be a JSON object.")
    return given


def _accepted(sent: Sent) -> Json:
    message = {"id": sent.id} | ({"message_status": "accepted"} if sent.type == "template" else {})
    hidden = people.is_hidden(sent.phone)
    who = {"user_id": sent.phone} if hidden else {"wa_id": people.wa_id(sent.phone)}
    contact = {"input": sent.to, **who}
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _fields(request: Request) -> list[str]:
    return [name for name in request.query_params.get("fields", "").split(",") if name]


def _page(items: Sequence[Any], request: Request) -> tuple[list[Any], Json]:
    """By cursor, as everywhere in Graph: the cursor is an opaque word for a place."""
    query = request.query_params
    text = query.get("limit", str(USUAL_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise RefusedError(100, message=f"(#100) Param limit must be between 1 and {MAX_LIMIT}")
    start = _place(query["after"]) if "after" in query else 0
    end = start + int(text)
    paging: Json = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
    if end < len(items):
        paging["next"] = str(request.url.include_query_params(after=_cursor(end)))
    return list(items[start:end]), paging


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise RefusedError(100, message="(#100) Param after is not a valid cursor.") from error
