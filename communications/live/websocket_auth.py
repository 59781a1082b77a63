"""Who may open a WebSocket: a session from our own pages, or a program with its token."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http.request import validate_host
from django.urls import path
from rest_framework.authtoken.models import Token

from communications.live.consumers import StatusConsumer

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[Any]]
KEYWORD = "token "


class OriginCheck:
    """Refuses pages of other sites, which would come with our user's cookie.

    A browser always says where a page is from. Programs do not, and carry no foreign cookies.
    """

    def __init__(self, inner: App) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        if origin and not is_trusted_origin(origin, host):
            return await WebsocketDenier()(scope, receive, send)
        return await self.inner(scope, receive, send)


def is_trusted_origin(origin: str, host: str) -> bool:
    if origin in settings.CSRF_TRUSTED_ORIGINS or origin == origin_of(settings.PUBLIC_URL):
        return True
    name = urlsplit(f"//{host}").hostname or ""
    hosts = settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"]
    return urlsplit(origin).netloc == host and validate_host(name, hosts)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class TokenAuth:
    """`Authorization: Token …` beside the session cookie; a wrong token is nobody."""

    def __init__(self, inner: App) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if given.lower().startswith(KEYWORD):
            key = given[len(KEYWORD) :].strip()
            scope = {**scope, "user": await database_sync_to_async(token_user)(key)}
        return await self.inner(scope, receive, send)


def token_user(key: str) -> Any:
    found = Token.objects.select_related("user").filter(key=key, user__is_active=True).first()
    return found.user if found else AnonymousUser()


websockets = OriginCheck(
    AuthMiddlewareStack(TokenAuth(URLRouter([path("ws/status/", StatusConsumer.as_asgi())]))),
)
