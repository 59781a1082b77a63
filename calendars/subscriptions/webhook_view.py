"""Where calendars announce changes: cap, note, answer. The reading is done by the workers."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calendars.subscriptions import notifications
from communications.receiving.webhook_view import (
    JSONOnly,
    TooLarge,
    as_webhook,
)
from wedsync_comms.lib.errors import MalformedRequest

# Graph's are a few hundred characters; nobody needs us as a mirror for more.
TOKEN_LENGTH = 2048


class CalendarWebhook(APIView):
    """202 whether it is genuine or not: whoever guesses learns nothing, and one bad element of a
    batch does not make the vendor send the good ones again. 400 malformed, 413 too large."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = JSONOnly
    schema = None

    def post(self, request: Request) -> HttpResponse:
        raw: HttpRequest = request._request  # noqa: SLF001 (the raw bytes)
        token = raw.GET.get("validationToken", "")
        if token:
            return handshake(token)
        try:
            notifications.receive(as_webhook(raw))
        except TooLarge:
            return refuse(413, f"At most {settings.WEBHOOK_MAX_BYTES} bytes are taken.")
        except (MalformedRequest, UnreadablePostError) as error:
            return refuse(400, str(error))
        return HttpResponse(status=202)


def handshake(token: str) -> HttpResponse:
    """Graph asks, while we create a subscription, whether this address is ours. As plain text that
    no browser takes for a page."""
    if len(token) > TOKEN_LENGTH:
        return refuse(400, "The validation token is too long.")
    answer = HttpResponse(token, content_type="text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def refuse(status: int, reason: str) -> HttpResponse:
    return Response({"detail": reason}, status=status)
