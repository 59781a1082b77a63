"""The one view for every provider's webhooks: cap, hand over the raw bytes, answer."""

from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from communications.receiving import deliveries
from communications.vocabulary.events import WebhookRequest
from wedsync_comms.lib.errors import InvalidSignature, MalformedRequest

log = structlog.get_logger(__name__)


class JSONOnly(BaseContentNegotiation):
    """Providers take what they get."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:  # noqa: ARG002
        return renderers[0], renderers[0].media_type


class TooLarge(Exception):
    pass


class Webhook(APIView):
    """400 malformed, 403 not theirs, 413 too large; 2xx only once the delivery is stored.

    Whatever else happens is a 500, and the provider delivers it again.
    """

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JSONOnly
    schema = None
    provider: str = ""

    def post(self, request: Request) -> HttpResponse:
        try:
            deliveries.receive(self.provider, as_webhook(request._request))  # noqa: SLF001 (the raw bytes)
        except KeyError:
            return self.refuse(404, f"{self.provider} is not configured here.")
        except TooLarge:
            return self.refuse(413, f"At most {settings.WEBHOOK_MAX_BYTES} bytes are taken.")
        except (MalformedRequest, UnreadablePostError) as error:
            return self.refuse(400, str(error))
        except InvalidSignature as error:
            return self.refuse(403, str(error))
        # A duplicate gets the same answer: the provider has done its part.
        said = deliveries.listener(self.provider).acknowledgement
        return HttpResponse(said.body, content_type=said.content_type)

    def get(self, request: Request) -> HttpResponse:
        """A vendor asks whether this address is ours."""
        try:
            provider = deliveries.listener(self.provider)
            if not provider.has_handshake:
                raise MethodNotAllowed("GET")
            answer = provider.handshake(as_webhook(request._request))  # noqa: SLF001
        except KeyError:
            return self.refuse(404, f"{self.provider} is not configured here.")
        except MalformedRequest as error:
            return self.refuse(400, str(error))
        except InvalidSignature as error:
            return self.refuse(403, str(error))
        return HttpResponse(answer, content_type="text/plain")

    def refuse(self, status: int, reason: str) -> Response:
        log.info("delivery", provider=self.provider, outcome="refused", status=status)
        return Response({"detail": reason}, status=status)


def as_webhook(request: HttpRequest) -> WebhookRequest:
    """The request as it came. Raises TooLarge before reading what is too large."""
    try:
        announced = int(request.headers.get("Content-Length") or 0)
    except ValueError as error:
        raise MalformedRequest("Content-Length must be a number.") from error
    if announced > settings.WEBHOOK_MAX_BYTES:
        raise TooLarge
    body = request.read(settings.WEBHOOK_MAX_BYTES + 1)
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise TooLarge
    return WebhookRequest(
        method=request.method or "",
        # Signatures are computed over the address we gave out, not over what a proxy made of it.
        url=settings.PUBLIC_URL + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )
