"""The endpoints of https://resend.com/docs/api-reference, as far as a sender needs them."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from sandbox.lib.reading import parse_json
from sandbox.lib.times import now, postgres

from . import addresses, compose, rules
from .errors import RefusedError
from .mail import Mail
from .mailroom import Mailroom
from .paging import find, listing
from .receiving import Downloads

Json = dict[str, Any]
Endpoint = Callable[[Request, bytes], Response]

NAMESPACE = UUID("4ef9a417-02e9-4d39-ad75-9611e0fcc33c")
STARTED = now()


class Api:
    def __init__(self, mailroom: Mailroom, downloads: Downloads, domains: Iterable[str]) -> None:
        self._room = mailroom
        self.domains = frozenset(domains)
        # The first match counts: /emails/receiving is not a mail's id.
        self._routes: list[tuple[str, str, Endpoint]] = [
            ("POST", "/emails", self.send),
            ("POST", "/emails/batch", self.send_batch),
            ("GET", "/emails", self.list_mails),
            *downloads.api_routes(),
            ("GET", "/emails/{id}", self.retrieve),
            ("PATCH", "/emails/{id}", self.reschedule),
            ("POST", "/emails/{id}/cancel", self.cancel),
            ("GET", "/domains", self.list_domains),
            ("GET", "/api-keys", self.list_keys),
        ]
        self._compiled = [
            (Route(path, endpoint=_unused, methods=[method]), endpoint)
            for method, path, endpoint in self._routes
        ]

    def answer(self, request: Request, body: bytes) -> Response:
        known = False
        for route, endpoint in self._compiled:
            match, found = route.matches(request.scope)
            if match is Match.FULL:
                request.scope["path_params"] = found["path_params"]
                return endpoint(request, body)
            known = known or match is Match.PARTIAL
        raise RefusedError("method_not_allowed" if known else "not_found")

    def send(self, request: Request, body: bytes) -> Response:
        given = compose.tidy(_json(body))
        rules.check_mail(given)
        self._check_domain(given)
        mail = compose.mail(given, request.headers.get("idempotency-key"))
        self._room.accept(mail)
        return JSONResponse({"id": mail.id})

    def send_batch(self, request: Request, body: bytes) -> Response:
        given = _batch(body)
        valid, wrong = self._sort(given)
        permissive = request.headers.get("x-batch-validation") == "permissive"
        if wrong and not permissive:
            raise wrong[0][1]
        key = request.headers.get("idempotency-key")
        mails = [compose.mail(fields, key) for fields in valid]
        for mail in mails:
            self._room.accept(mail)
        answer: Json = {"data": [{"id": mail.id} for mail in mails]}
        if permissive:
            answer["errors"] = [
                {"index": index, "message": error.message} for index, error in wrong
            ]
        return JSONResponse(answer)

    def list_mails(self, request: Request, _: bytes) -> Response:
        mails, has_more = listing(self._room.mails, request)
        shown = [mail.as_json() for mail in mails]
        return JSONResponse({"object": "list", "has_more": has_more, "data": shown})

    def retrieve(self, request: Request, _: bytes) -> Response:
        return JSONResponse(self._mail(request).as_json())

    def reschedule(self, request: Request, body: bytes) -> Response:
        given = _json(body)
        if not isinstance(given, dict) or "scheduled_at" not in given:
            raise RefusedError("missing_required_field", "Missing `scheduled_at` field.")
        mail = self._scheduled(request)
        mail.scheduled_at = rules.scheduled_at(given["scheduled_at"])
        self._room.schedule(mail)
        return JSONResponse({"object": "email", "id": mail.id})

    def cancel(self, request: Request, _: bytes) -> Response:
        mail = self._scheduled(request)
        self._room.cancel(mail)
        return JSONResponse({"object": "email", "id": mail.id})

    def list_domains(self, _request: Request, _: bytes) -> Response:
        seen = {addresses.domain(mail.sender) for mail in self._room.mails.newest()}
        shown = [_domain(name) for name in sorted(self.domains or seen)]
        return JSONResponse({"object": "list", "has_more": False, "data": shown})

    def list_keys(self, _request: Request, _: bytes) -> Response:
        key = {"id": str(uuid5(NAMESPACE, "key")), "name": "sandbox"}
        shown = [{**key, "created_at": postgres(STARTED), "last_used_at": postgres(now())}]
        return JSONResponse({"object": "list", "has_more": False, "data": shown})

    def _sort(self, given: list[Any]) -> tuple[list[Json], list[tuple[int, RefusedError]]]:
        valid: list[Json] = []
        wrong: list[tuple[int, RefusedError]] = []
        for index, mail in enumerate(given):
            try:
                rules.check_mail(mail, batch=True)
                self._check_domain(mail)
                valid.append(mail)
            except RefusedError as error:
                wrong.append((index, error))
        return valid, wrong

    def _check_domain(self, given: Json) -> None:
        domain = addresses.domain(given["from"])
        if self.domains and domain not in self.domains:
            raise RefusedError(
                "validation_error",
                f"The {domain} domain is not verified. Please, add and verify your domain on "
                "https://resend.com/domains",
                403,
            )

    def _mail(self, request: Request) -> Mail:
        return find(self._room.mails, request.path_params["id"], "Email not found")

    def _scheduled(self, request: Request) -> Mail:
        mail = self._mail(request)
        if mail.last_event != "scheduled":
            raise RefusedError("validation_error", "Only scheduled emails can be changed.")
        return mail


def _unused(_: Request) -> Response:
    raise NotImplementedError


def _json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError as error:
        raise RefusedError(
            "validation_error", "The request body is not valid JSON.", 400
        ) from error


def _batch(body: bytes) -> list[Any]:
    given = _json(body)
    if not isinstance(given, list) or not 1 <= len(given) <= rules.MAX_BATCH:
        raise RefusedError(
            "validation_error", f"The batch must be an array of 1 to {rules.MAX_BATCH} emails."
        )
    return given


def _domain(name: str) -> Json:
    return {
        "id": str(uuid5(NAMESPACE, name)),
        "name": name,
        "status": "verified",
        "created_at": postgres(STARTED),
        "region": "eu-west-1",
        "capabilities": {"sending": "enabled", "receiving": "enabled"},
    }
