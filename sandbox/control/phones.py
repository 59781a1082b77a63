"""The control API's part that all phone providers share, below ``/control/phones``."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.phones import Line, Phones, every_phone, one_phone

from .routes import guarded, json_object, limit_of


def phone_routes(phones: Phones, lines: Sequence[Line]) -> Sequence[BaseRoute]:
    desk = Desk(phones, lines)
    return [
        Route("/phones", desk.every),
        Route("/phones/{number}", guarded(desk.phone), methods=["GET", "PATCH"]),
        Route("/phones/{number}/read", guarded(desk.read), methods=["POST"]),
    ]


class Desk:
    def __init__(self, phones: Phones, lines: Sequence[Line]) -> None:
        self._phones = phones
        self._lines = lines

    async def every(self, _: Request) -> Response:
        return JSONResponse({"phones": every_phone(self._phones, self._lines)})

    async def phone(self, request: Request) -> Response:
        if request.method == "PATCH":
            try:
                self._phones.change(_number(request), await json_object(request))
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
        return self._show(request)

    async def read(self, request: Request) -> Response:
        for line in self._lines:
            line.read(_number(request))
        return self._show(request)

    def _show(self, request: Request) -> Response:
        number = _number(request)
        return JSONResponse(one_phone(self._phones, self._lines, number, limit_of(request)))


def _number(request: Request) -> str:
    number: str = request.path_params["number"]
    return number
