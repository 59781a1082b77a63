"""The application: every provider behind its gate, the control API and the page."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
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
from .persistence.keeper import CountsWrites, Keeper
from .persistence.state_file import InUseError, StateFile
from .phones import Line, Phones
from .provider import Provider
from .resend.account import Resend
from .twilio.account import Twilio
from .whatsapp.account import WhatsApp

logger = logging.getLogger(__name__)


def create_app(config: SandboxConfig, state: Path | None = None) -> Starlette:
    """Builds the application. ``state`` is the file the world is kept in; without one it ends
    with the process."""
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
    keeper = keeper_of(state, providers, phones)
    controls = [*phone_routes(phones, lines), *control_routes(providers, forget=phones.clear)]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if keeper:
            keeper.restore()
        running = [provider.deliveries.run() for provider in providers]
        tasks = [
            asyncio.create_task(work) for work in (*running, *([keeper.run()] if keeper else []))
        ]
        yield
        for task in tasks:
            task.cancel()
        if keeper:
            await keeper.save()

    return Starlette(
        routes=[
            *page.routes(),
            Mount("/control", routes=controls, middleware=[Middleware(CountsWrites, keeper)]),
            *provider_mounts(providers),
        ],
        exception_handlers={HTTPException: explain, Exception: confess},
        lifespan=lifespan,
    )


def keeper_of(state: Path | None, providers: Sequence[Provider], phones: Phones) -> Keeper | None:
    if state is None:
        return None
    try:
        return Keeper(StateFile(state), providers, phones)
    except InUseError as error:
        logger.warning("%s This one forgets everything when it ends.", error)
        return None


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


def run(
    config: SandboxConfig,
    host: str = "127.0.0.1",
    port: int = 8025,
    state: Path | None = None,
) -> None:
    """Serves until it is interrupted."""
    app = create_app(config, state)
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
