"""Where vendors' webhooks come in: the size is capped, the raw bytes are handed over."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest
from wedsync_comms.lib.web.webhook_request import WebhookRequest


class JSONOnly(BaseContentNegotiation):
    """Providers take what they get."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class WebhookTooLarge(Exception):
    """It has more than WEBHOOK_MAX_BYTES."""


class WebhookEdge(APIView):
    """400 malformed, 403 not theirs, 413 too large; 2xx only once `receive` has committed.

    Whatever else happens is a 500, and the vendor delivers it again.
    """

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JSONOnly
    schema = None

    def post(self, request: Request) -> HttpResponse:
        return self.answer_with(self.receive, request)

    def receive(self, webhook: WebhookRequest) -> HttpResponse:
        """Stores it and answers. May raise MalformedRequest and InvalidSignature."""
        raise NotImplementedError

    def answer_with(
        self,
        handle: Callable[[WebhookRequest], HttpResponse],
        request: Request,
    ) -> HttpResponse:
        try:
            return handle(as_webhook_request(request._request))  # noqa: SLF001 (the raw bytes)
        except WebhookTooLarge:
            return self.refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"At most {settings.WEBHOOK_MAX_BYTES} bytes are taken.",
            )
        except (MalformedRequest, UnreadablePostError) as error:
            return self.refuse(HTTPStatus.BAD_REQUEST, str(error))
        except InvalidSignature as error:
            return self.refuse(HTTPStatus.FORBIDDEN, str(error))

    def refuse(self, status: HTTPStatus, reason: str) -> HttpResponse:
        return Response({"detail": reason}, status=status)


def as_webhook_request(request: HttpRequest) -> WebhookRequest:
    """Returns the request as it came. Raises WebhookTooLarge before reading what is too large."""
    try:
        announced = int(request.headers.get("Content-Length") or 0)
    except ValueError as error:
        raise MalformedRequest("Content-Length must be a number.") from error
    if announced > settings.WEBHOOK_MAX_BYTES:
        raise WebhookTooLarge
    body = request.read(settings.WEBHOOK_MAX_BYTES + 1)
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise WebhookTooLarge
    return WebhookRequest(
        method=request.method or "",
        # Signatures are computed over the address we gave out, not over what a proxy made of it.
        url=settings.PUBLIC_URL + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )
