"""The application: every provider behind its gate, the control API and the page."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import page
from .config import SandboxConfig
from .control.phones import phone_routes
from .control.routes import control_routes
from .gate import Gate
from .google.account import Google
from .microsoft.account import Microsoft
from .phones import Line, Phones
from .provider import Provider
from .resend.account import Resend
from .twilio.account import Twilio
from .whatsapp.account import WhatsApp

logger = logging.getLogger(__name__)


def create_app(config: SandboxConfig) -> Starlette:
    phones = Phones()
    twilio, whatsapp = Twilio(config, phones), WhatsApp(config, phones)
    providers: list[Provider] = [
        Resend(config),
        twilio,
        whatsapp,
        Google(config),
        Microsoft(config),
    ]
    lines: list[Line] = [twilio, whatsapp]

    controls = control_routes(providers, forget=phones.clear)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        posting = [asyncio.create_task(provider.deliveries.run()) for provider in providers]
        yield
        for task in posting:
            task.cancel()

    return Starlette(
        routes=[
            *page.routes(),
            Mount("/control", routes=[*phone_routes(phones, lines), *controls]),
            *provider_mounts(providers),
        ],
        exception_handlers={HTTPException: explain, Exception: confess},
        lifespan=lifespan,
    )


def provider_mounts(providers: Sequence[Provider]) -> list[Mount]:
    return [
        Mount(
            f"/{provider.address}", routes=[*provider.public_routes(), Mount("/", Gate(provider))]
        )
        for provider in providers
    ]


async def explain(_: Request, error: Exception) -> Response:
    status, detail = (
        (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    )
    return JSONResponse({"error": detail}, status_code=status)


async def confess(_: Request, error: Exception) -> Response:
    logger.error("The sandbox has a bug", exc_info=error)
    return JSONResponse({"error": f"The sandbox has a bug: {error!r}"}, status_code=500)


class CuttableProtocol(HttpToolsProtocol):
    """Lets a fault reach the connection: ASGI knows no way of hanging up without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {"transport": self.transport}
        self.scope["extensions"] = extensions


def run(config: SandboxConfig, host: str = "127.0.0.1", port: int = 8025) -> None:
    """Serves until it is interrupted."""
    app = create_app(config)
    # Nobody's provider stops for a tenth of a second to look for garbage.
    gc.freeze()
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=CuttableProtocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
