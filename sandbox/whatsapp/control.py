"""The control API's part that only WhatsApp has: messages, templates, what people do."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control.routes import guarded, json_object, limit_of

from .api.routes import Api
from .handshake import shake
from .model import payloads, people, templates
from .model.exchange import Exchange, template_changes
from .model.inbound import compose, echo
from .model.message import Json, Sent
from .model.templates import Template

STATUSES = ("sent", "delivered", "read", "failed", "played", "deleted")
PREFERENCES = ("stop", "resume", "signup")


def routes(exchange: Exchange, api: Api, token_of: Callable[[], str]) -> Sequence[BaseRoute]:
    desk = Desk(exchange, api, token_of)
    post = ["POST"]
    return [
        Route("/messages", desk.messages),
        # An id of WhatsApp's may hold a slash.
        Route("/messages/{id:path}/events", guarded(desk.record), methods=post),
        Route("/messages/{id:path}", guarded(desk.message), methods=["GET", "PATCH"]),
        Route("/inbound", guarded(desk.inbound), methods=["GET", "POST"]),
        Route("/echoes", guarded(desk.echo), methods=post),
        Route("/preferences", guarded(desk.prefer), methods=post),
        Route("/window", guarded(desk.window), methods=post),
        Route("/changes", guarded(desk.change), methods=post),
        Route("/account", guarded(desk.account), methods=post),
        Route("/verify", guarded(desk.verify), methods=post),
        Route("/templates", guarded(desk.templates), methods=["GET", "POST"]),
        Route("/templates/{name}", guarded(desk.template), methods=["PATCH"]),
        Route("/stats", desk.stats),
    ]


class Desk:
    def __init__(self, exchange: Exchange, api: Api, token_of: Callable[[], str]) -> None:
        self._exchange = exchange
        self._api = api
        self._token_of = token_of

    async def messages(self, request: Request) -> Response:
        found = zip(self._find(request), range(limit_of(request)), strict=False)
        return JSONResponse({"messages": [sent.in_full() for sent, _ in found]})

    async def message(self, request: Request) -> Response:
        sent = self._sent(request)
        if request.method == "PATCH":
            sent.seen = (await json_object(request)).get("seen") is True
        return JSONResponse(sent.in_full())

    async def record(self, request: Request) -> Response:
        sent = self._sent(request)
        given = await json_object(request)
        status, code = given.get("type"), given.get("error_code")
        if status not in STATUSES:
            raise HTTPException(422, f"type is one of {', '.join(STATUSES)}.")
        if code is not None and (isinstance(code, bool) or not isinstance(code, int)):
            raise HTTPException(422, "error_code is a number, such as 131026.")
        if code is None and status == "failed":
            code = 131000
        self._exchange.record(sent, status, code, str(given.get("details", "")))
        return JSONResponse(sent.in_full(), status_code=201)

    async def inbound(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                received, answers = compose(await json_object(request), self._api.files)
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
            self._exchange.receive(received, answers)
            return JSONResponse(received.in_full(), status_code=201)
        shown = [message.in_full() for message in self._exchange.received.newest()]
        return JSONResponse({"messages": shown[: limit_of(request)]})

    async def echo(self, request: Request) -> Response:
        """Posts what somebody of the business wrote with the WhatsApp Business app."""
        number = self._exchange.number
        try:
            echoed = echo(await json_object(request), number.display)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        value = {**number.head(), "message_echoes": [echoed]}
        self._exchange.tell("smb_message_echoes", value, echoed["id"])
        return JSONResponse(echoed, status_code=201)

    async def prefer(self, request: Request) -> Response:
        given = await json_object(request)
        if given.get("value") not in PREFERENCES:
            raise HTTPException(422, f"value is one of {', '.join(PREFERENCES)}.")
        phone = _phone(given)
        self._exchange.prefer(phone, given["value"])
        return JSONResponse(self._exchange.standing(phone), status_code=201)

    async def window(self, request: Request) -> Response:
        given = await json_object(request)
        if not isinstance(given.get("open"), bool):
            raise HTTPException(422, "open is true or false.")
        phone = _phone(given)
        self._exchange.set_window(phone, is_open=given["open"])
        return JSONResponse(self._exchange.standing(phone))

    async def change(self, request: Request) -> Response:
        """Posts any change at all, for what the sandbox has no words of its own."""
        given = await json_object(request)
        field, value = given.get("field"), given.get("value")
        if not isinstance(field, str) or not isinstance(value, dict):
            raise HTTPException(422, "field is a text such as account_alerts, value an object.")
        if given.get("with_number"):
            value = {**self._exchange.number.head(), **value}
        self._exchange.tell(field, value, field)
        return Response(status_code=202)

    async def account(self, request: Request) -> Response:
        given = await json_object(request)
        event, details = given.get("event"), given.get("details", {})
        if not isinstance(event, str) or not isinstance(details, dict):
            raise HTTPException(422, "event is a text such as ACCOUNT_RESTRICTION.")
        value = payloads.account(self._exchange.number, event, details)
        self._exchange.tell("account_update", value, event)
        return Response(status_code=202)

    async def verify(self, request: Request) -> Response:
        given = await json_object(request)
        url = given.get("url") or self._exchange.outbox.url
        if not url:
            raise HTTPException(422, "There is no endpoint to ask: set webhook_url first.")
        token = str(given.get("verify_token", self._token_of()))
        return JSONResponse(await asyncio.to_thread(shake, str(url), token))

    async def templates(self, request: Request) -> Response:
        if request.method == "POST":
            template = _template(await json_object(request), len(self._api.templates.every))
            self._api.templates.every.append(template)
            # As Meta does, once it has looked at it.
            value = payloads.template_status(template)
            self._exchange.tell("message_template_status_update", value, template.name)
            return JSONResponse(template.as_json(), status_code=201)
        shown = [template.as_json() for template in self._api.templates.every]
        return JSONResponse({"templates": shown})

    async def template(self, request: Request) -> Response:
        named = self._api.templates.named(request.path_params["name"])
        if not named:
            raise HTTPException(404, "There is no such template.")
        wanted = await json_object(request)
        for name, allowed in CHANGES.items():
            if wanted.get(name, allowed[0]) not in allowed:
                raise HTTPException(422, f"{name} is one of {', '.join(allowed)}.")
        for template in named:
            template_changes(self._exchange, template, wanted)
        return JSONResponse({"templates": [template.as_json() for template in named]})

    async def stats(self, request: Request) -> Response:
        every = list(self._exchange.sent.newest())
        phones = Counter(sent.phone for sent in every)
        ours = Counter(message.ours for message in every if message.ours)
        shown: Json = {
            "messages": len(every),
            "evicted": self._exchange.sent.evicted,
            "phones": phones,
            "repeated": _repeated(phones),
            "ours_repeated": _repeated(ours),
            "statuses": Counter(message.status for message in every),
            "bodies_repeated": _repeated(
                Counter(f"{message.phone} {message.text}" for message in every)
            ),
        }
        if request.query_params.get("tag"):
            shown["tags"] = ours
        return JSONResponse(shown)

    def _find(self, request: Request) -> Iterator[Sent]:
        wanted = request.query_params
        to, ours = wanted.get("to"), wanted.get("biz_opaque_callback_data")
        phone = people.phone(to) if to else None
        for sent in self._exchange.sent.newest():
            if (
                (not to or sent.phone == phone)
                and (not ours or sent.ours == ours)
                and wanted.get("status", sent.status) == sent.status
            ):
                yield sent

    def _sent(self, request: Request) -> Sent:
        sent = self._exchange.sent.find(request.path_params["id"])
        if sent is None:
            raise HTTPException(404, "There is no such message, or it was too long ago.")
        return sent


CHANGES = {
    "status": templates.STATUSES,
    "quality": templates.QUALITIES,
    "category": templates.CATEGORIES,
}


def _phone(given: Json) -> str:
    found = people.phone(str(given.get("from", "")))
    if found is None:
        raise HTTPException(422, "from is a number such as +447700900123.")
    return found


def _repeated(counts: Counter[str]) -> dict[str, int]:
    return {value: times for value, times in counts.items() if times > 1}


def _template(given: Json, place: int) -> Template:
    name, components = given.get("name"), given.get("components")
    if not isinstance(name, str) or not isinstance(components, list) or not components:
        raise HTTPException(422, "A template has a name and components.")
    return Template(
        id=str(594425479262000 + place),
        name=name,
        category=str(given.get("category", "UTILITY")),
        components=components,
        language=str(given.get("language", "en_US")),
        status=str(given.get("status", "APPROVED")),
    )
