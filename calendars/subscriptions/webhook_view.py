"""Where calendars announce changes: noted here, read by the workers."""

from http import HTTPStatus

from django.http import HttpResponse
from rest_framework.request import Request

from calendars.subscriptions import notifications
from wedsync_comms.lib.web.webhook_edge import WebhookEdge
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# Graph's are a few hundred characters; nobody needs us as a mirror for more.
MAX_VALIDATION_TOKEN = 2048


class CalendarWebhook(WebhookEdge):
    """202 whether it is genuine or not: whoever guesses learns nothing, and one bad element of a
    batch does not make the vendor send the good ones again."""

    def post(self, request: Request) -> HttpResponse:
        token = request._request.GET.get("validationToken", "")  # noqa: SLF001 (as the edge does)
        return self.confirm_address(token) if token else super().post(request)

    def receive(self, webhook: WebhookRequest) -> HttpResponse:
        notifications.receive_notifications(webhook)
        return HttpResponse(status=HTTPStatus.ACCEPTED)

    def confirm_address(self, token: str) -> HttpResponse:
        """Answers Graph, which asks while we subscribe whether this address is ours: as plain
        text that no browser takes for a page."""
        if len(token) > MAX_VALIDATION_TOKEN:
            return self.refuse(HTTPStatus.BAD_REQUEST, "The validation token is too long.")
        answer = HttpResponse(token, content_type="text/plain; charset=utf-8")
        answer["X-Content-Type-Options"] = "nosniff"
        return answer
