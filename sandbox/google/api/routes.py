"""authenticate -> scope -> endpoint, for everything that a token opens."""

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from sandbox.google.errors import CalendarRefusedError, PeopleRefusedError, RefusedError
from sandbox.google.model.accounts import World
from sandbox.google.oauth.endpoints import userinfo
from sandbox.google.oauth.scopes import allows

from .calendars import CalendarsApi
from .calls import Call, Line, answer, line
from .events import EventsApi
from .people import PeopleApi
from .reading import Query

INFO = ("/oauth2/v2/userinfo", "/oauth2/v3/userinfo", "/v1/userinfo")


class Api:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: list[Line] = [
            *(line("GET", path, "", self.userinfo) for path in INFO),
            *CalendarsApi(world).lines(),
            *EventsApi(world).lines(),
            *PeopleApi(world).lines(),
        ]

    def answer(self, request: Request, path: str, body: bytes) -> Response:
        scope, endpoint, named = self._find(request.method, path)
        call = self._open(request, path, body, scope)
        return endpoint(call, **named)

    def userinfo(self, call: Call) -> Response:
        return answer(userinfo(call.account, call.path))

    def _find(self, method: str, path: str) -> tuple[str, Callable[..., Response], dict[str, str]]:
        for known, pattern, scope, endpoint in self._lines:
            if known == method and (found := pattern.fullmatch(path)):
                return scope, endpoint, found.groupdict()
        raise _refused(path, "notFound", "NOT_FOUND", "Not Found")

    def _open(self, request: Request, path: str, body: bytes, scope: str) -> Call:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._world.grants.find(token.strip()) if kind.lower() == "bearer" else None
        subject = f"{request.method} {path}"
        if grant is None or self._world.strikes("token_expired", subject):
            raise _refused(path, "authError", "UNAUTHENTICATED", "Invalid Credentials")
        if scope and not allows(grant.scopes, scope):
            message = "Request had insufficient authentication scopes."
            raise _refused(path, "insufficientPermissions", "PERMISSION_DENIED", message)
        return Call(
            account=self._world.accounts[grant.account],
            method=request.method,
            path=path,
            base=_base(request),
            query=Query(request.query_params),
            headers=request.headers,
            body=body,
        )


def _base(request: Request) -> str:
    """Where the Calendar API is, as the caller sees it."""
    whole = urlsplit(str(request.url))
    return f"{whole.scheme}://{whole.netloc}{request.scope.get('root_path', '')}/calendar/v3"


def _refused(path: str, reason: str, code: str, message: str) -> RefusedError:
    """In the words of the API that was asked."""
    if path.startswith("/v1/"):
        scopes = "ACCESS_TOKEN_SCOPE_INSUFFICIENT" if code == "PERMISSION_DENIED" else ""
        return PeopleRefusedError(code, message, reason=scopes)
    location = "Authorization" if code == "UNAUTHENTICATED" else ""
    return CalendarRefusedError(reason, message, location=location)
