"""The one view for every provider's webhooks."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from communications.receiving import deliveries
from wedsync_comms.lib.web.webhook_edge import WebhookEdge
from wedsync_comms.lib.web.webhook_request import WebhookRequest

log = structlog.get_logger(__name__)


class ProviderWebhook(WebhookEdge):
    """Answers 404 for a provider that is not configured."""

    provider: str = ""

    def receive(self, webhook: WebhookRequest) -> HttpResponse:
        deliveries.receive_delivery(self.provider, webhook)
        # A duplicate gets the same answer: the provider has done its part.
        said = deliveries.webhook_provider(self.provider).acknowledgement
        return HttpResponse(said.body, content_type=said.content_type)

    def get(self, request: Request) -> HttpResponse:
        """Answers a vendor that asks whether this address is ours."""
        return self.answer_with(self.shake_hands, request)

    def shake_hands(self, webhook: WebhookRequest) -> HttpResponse:
        provider = deliveries.webhook_provider(self.provider)
        if not provider.has_handshake:
            raise MethodNotAllowed("GET")
        return HttpResponse(provider.handshake(webhook), content_type="text/plain")

    def answer_with(
        self,
        handle: Callable[[WebhookRequest], HttpResponse],
        request: Request,
    ) -> HttpResponse:
        try:
            return super().answer_with(handle, request)
        except KeyError:
            return self.refuse(HTTPStatus.NOT_FOUND, f"{self.provider} is not configured here.")

    def refuse(self, status: HTTPStatus, reason: str) -> HttpResponse:
        log.info("delivery", provider=self.provider, outcome="refused", status=int(status))
        return super().refuse(status, reason)
