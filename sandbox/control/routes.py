"""The control API: what a test or a person may ask of the sandbox, below ``/control/``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.gate import read_body
from sandbox.lib.faults import Json
from sandbox.lib.reading import parse_json
from sandbox.provider import Provider

Endpoint = Callable[[Request], Awaitable[Response]]

READS = ("GET", "HEAD")


def control_routes(providers: Sequence[Provider], *, forget: Callable[[], None]) -> list[BaseRoute]:
    """Returns the control API's routes; ``forget`` clears what the providers share."""

    async def overview(_: Request) -> Response:
        return JSONResponse({provider.slug: describe(provider) for provider in providers})

    async def reset(_: Request) -> Response:
        for provider in providers:
            clear(provider)
        forget()
        return Response(status_code=204)

    return [
        Route("/", overview),
        Route("/reset", guarded(reset), methods=["POST"]),
        *(Mount(f"/{provider.slug}", routes=provider_routes(provider)) for provider in providers),
        *(_settings_route(provider) for provider in providers),
    ]


def describe(provider: Provider) -> Json:
    return {
        "revision": provider.ledger.revision,
        "counters": provider.ledger.as_json(),
        "webhooks_waiting": provider.deliveries.waiting(),
        "settings": provider.settings(),
        "faults": provider.faults.as_json(),
    }


def clear(provider: Provider) -> None:
    provider.faults.replace({})
    provider.deliveries.clear()
    provider.requests.clear()
    provider.clear()
    provider.ledger.clear()


def provider_routes(provider: Provider) -> list[BaseRoute]:
    return [
        Route("/faults", _faults(provider), methods=["GET", "PUT", "PATCH", "DELETE"]),
        Route("/requests", _requests(provider)),
        Route("/webhooks", _webhooks(provider)),
        Route("/webhooks/{id}", _webhook(provider)),
        Route("/webhooks/{id}/replay", _replay(provider), methods=["POST"]),
        *provider.control_routes(),
    ]


def _settings_route(provider: Provider) -> BaseRoute:
    return Route(f"/{provider.slug}", _settings(provider), methods=["GET", "PATCH"])


def _settings(provider: Provider) -> Endpoint:
    async def settings(request: Request) -> Response:
        if request.method == "PATCH":
            try:
                provider.change(await json_object(request))
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
            provider.ledger.touch()
        return JSONResponse(describe(provider))

    return guarded(settings)


def _faults(provider: Provider) -> Endpoint:
    faults = provider.faults
    changes = {"PUT": faults.replace, "PATCH": faults.merge}

    async def endpoint(request: Request) -> Response:
        if request.method == "DELETE":
            faults.replace({})
        elif change := changes.get(request.method):
            try:
                change(await json_object(request))
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
        return JSONResponse({"faults": faults.as_json(), "available": faults.available()})

    return guarded(endpoint)


def _requests(provider: Provider) -> Endpoint:
    async def requests(request: Request) -> Response:
        return JSONResponse({"requests": provider.requests.newest(limit_of(request))})

    return requests


def _webhooks(provider: Provider) -> Endpoint:
    async def webhooks(request: Request) -> Response:
        wanted = request.query_params
        found = [
            delivery.as_json()
            for delivery in provider.deliveries.log.newest()
            if wanted.get("type", delivery.kind) == delivery.kind
            and wanted.get("about", delivery.about) == delivery.about
        ]
        return JSONResponse({"webhooks": found[: limit_of(request)]})

    return webhooks


def _webhook(provider: Provider) -> Endpoint:
    async def webhook(request: Request) -> Response:
        delivery = provider.deliveries.log.find(request.path_params["id"])
        if delivery is None:
            raise HTTPException(404, "There is no such webhook, or it was too long ago.")
        return JSONResponse({**delivery.as_json(), "body": delivery.body.decode()})

    return webhook


def _replay(provider: Provider) -> Endpoint:
    async def replay(request: Request) -> Response:
        delivery = provider.deliveries.log.find(request.path_params["id"])
        if delivery is None:
            raise HTTPException(404, "There is no such webhook, or it was too long ago.")
        if not provider.deliveries.has_endpoint(delivery):
            raise HTTPException(422, "There is no endpoint to post to: set webhook_url first.")
        provider.deliveries.replay(delivery)
        return JSONResponse(delivery.as_json(), status_code=202)

    return guarded(replay)


def guarded(endpoint: Endpoint) -> Endpoint:
    """Guards a route from other web pages that are open in the same browser."""

    async def checked(request: Request) -> Response:
        origin = request.headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        if foreign and request.method not in READS:
            raise HTTPException(403, "The control API answers its own page only.")
        return await endpoint(request)

    return checked


async def json_object(request: Request) -> Json:
    """Returns the body's object; an empty body is an empty object."""
    body = await read_body(request)
    if body is None:
        raise HTTPException(413, "The body is too large.")
    try:
        given: Any = parse_json(body or b"{}")
    except ValueError as error:
        raise HTTPException(400, "The body is not JSON.") from error
    if not isinstance(given, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return given


def limit_of(request: Request, usual: int = 100) -> int:
    text = request.query_params.get("limit", "")
    return int(text) if text.isdecimal() else usual
