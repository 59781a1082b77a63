"""A vendor that puts many events into one webhook, as Meta does."""

import json
from collections.abc import Iterator

from communications.providers.resend import Resend
from communications.vocabulary.events import (
    Event,
)
from wedsync_comms.lib.web.webhook_request import WebhookRequest


class Many(Resend):
    webhook = "many"

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        for load in json.loads(request.body)["items"]:
            yield from super().parse(
                WebhookRequest(
                    method=request.method,
                    url=request.url,
                    headers=request.headers,
                    body=json.dumps(load).encode(),
                ),
            )
