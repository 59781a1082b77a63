"""Twilio: SMS, and WhatsApp as that channel's second provider. https://www.twilio.com/docs/messaging"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from twilio.rest import Client as TwilioClient

from communications.providers.base import Accepted, Acknowledgement, ProbeResult, Provider, Reply
from communications.providers.twilio import receiving, signatures
from communications.providers.twilio.errors import twilio_errors
from communications.providers.twilio.receiving import STATUSES, TEST_FIELD, WHATSAPP
from communications.providers.twilio.transport import PooledTwilioClient
from communications.vocabulary.events import Event, MessageReceived, Outbound, StatusChanged
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    OutcomeUnknown,
    RouteRejected,
)
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# https://www.twilio.com/docs/messaging/api/message-resource: 1 to 36,000 seconds.
MAX_VALIDITY = 36_000
# https://www.twilio.com/docs/content: how the ids of its own templates begin.
CONTENT_SID = "HX"


class Twilio(Provider):
    """At most once: Twilio has no idempotency keys, so what may have left is never sent again
    before a callback or a look into its list has told."""

    label = "Twilio"
    channel = "sms"
    webhook = "twilio"
    batch_limit = 1
    idempotent = False
    finds_by_content = True
    # https://www.twilio.com/docs/errors/14107: 30 within 30 seconds between two numbers. It said 15
    # and 20 before; each refusal lowers what is used.
    pair_rate_once_refused = Rate(per_second=1.0, burst=30.0)
    acknowledgement = Acknowledgement("text/xml", "<Response/>")
    prefix = ""
    sample_event = "delivered"
    # https://help.twilio.com/articles/223134027
    own_list = (
        "Twilio keeps a list for each number, or for a whole messaging service: it hears STOP and "
        "its like, and with Advanced Opt-Out the words that are set there, answers them itself, "
        "and refuses messages to that person until they text START. Each of these is written down "
        "here as well. Opt-outs in other words, and those that staff confirms, are kept here only; "
        "what is lifted here stays closed at Twilio until the person texts START."
    )

    def __init__(
        self,
        *,
        account_sid: str,
        auth_tokens: Sequence[str],
        sender: str = "",
        messaging_service_sid: str = "",
        callback_url: str = "",
        api_url: str = "https://api.twilio.com",
        rate_per_second: float = 10.0,
    ) -> None:
        self.account_sid = account_sid
        self.tokens = list(auth_tokens)
        self.sender = sender
        self.messaging_service_sid = messaging_service_sid
        self.uses_sender_pool = bool(messaging_service_sid)
        self.callback_url = callback_url
        self.http = PooledTwilioClient()
        self.client = TwilioClient(account_sid, self.tokens[0], http_client=self.http)
        self.client.api.base_url = api_url.rstrip("/")
        self.rate = Rate.below(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return bool(self.callback_url)

    # --- send -----------------------------------------------------------------------------------

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:  # noqa: ARG002
        params = self.as_params(outbounds[0])
        with twilio_errors(self.http):
            answer = self.client.messages.create(**params)
        if not isinstance(answer.sid, str) or not answer.sid:
            raise OutcomeUnknown("Twilio answered without a sid.", code="no_sid")
        response: dict[str, object] = {
            "sid": answer.sid,
            "status": answer.status,
            "segments": answer.num_segments,
        }
        return Reply(results=[Accepted(provider_id=answer.sid, response=response)])

    def as_params(self, outbound: Outbound) -> dict[str, Any]:
        params: dict[str, Any] = {"to": self.prefix + outbound.to, **self.origin(outbound)}
        if self.callback_url:
            # Ours, signed and echoed: finds the attempt even if the answer to this call is lost.
            params["status_callback"] = self.callback(outbound)
        if outbound.media:
            params["media_url"] = [item.url for item in outbound.media]
        if outbound.expires_at is not None:
            left = int((outbound.expires_at - datetime.now(UTC)).total_seconds())
            params["validity_period"] = min(max(left, 1), MAX_VALIDITY)
        return params | {"body": outbound.text}

    def origin(self, outbound: Outbound) -> dict[str, str]:
        if self.uses_sender_pool and outbound.sender == self.sender:
            return {"messaging_service_sid": self.messaging_service_sid}
        return {"from_": self.prefix + outbound.sender}

    def callback(self, outbound: Outbound) -> str:
        echoed = {"call": outbound.call, "message": outbound.message}
        return f"{self.callback_url}?{urlencode(echoed)}"

    # --- webhooks -------------------------------------------------------------------------------

    def verify(self, request: WebhookRequest) -> str:
        signatures.verify_twilio_signature(request, self.tokens)
        return receiving.twilio_event_id(request)

    def event_type(self, request: WebhookRequest) -> str:
        return receiving.twilio_event_type(request)

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        return receiving.twilio_events(request)

    # --- asking ---------------------------------------------------------------------------------

    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        with twilio_errors(self.http):
            found = self.client.messages(provider_id).fetch()
        status, code = str(found.status), str(found.error_code or "")
        if status not in STATUSES:
            return None
        detail = str(found.error_message or "")
        return receiving.twilio_receipt(status, provider_id, code, detail, {})

    def probe(self) -> ProbeResult:
        """https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource"""
        with twilio_errors(self.http):
            found = self.client.api.accounts(self.account_sid).fetch()
        status = str(found.status)
        if status != "active":
            raise ConfigurationRejected(f"The account is {status}.", code=status)
        return ProbeResult(facts={"account": status, "type": str(found.type)})

    def find_by_content(self, outbound: Outbound, since: datetime) -> list[str]:
        """Returns messages to the same person with the same text, made since then.

        Twilio's list does not show our own ids.

        https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
        """
        with twilio_errors(self.http):
            newest = self.client.messages.list(to=self.prefix + outbound.to, limit=100)
        return [str(resource.sid) for resource in newest if self.may_be(resource, outbound, since)]

    def may_be(self, listed: Any, outbound: Outbound, since: datetime) -> bool:
        origin = self.origin(outbound)
        if listed.from_ != origin.get("from_", listed.from_):
            return False
        is_same = str(listed.body).strip() == outbound.text.strip()
        return is_same and listed.date_created is not None and listed.date_created >= since

    def fetch_received(self, provider_id: str) -> MessageReceived:
        raise LookupError(f"{provider_id} came whole: Twilio's webhooks carry the text.")

    def sample(self, event: str) -> WebhookRequest:
        if event not in STATUSES:
            raise LookupError(f"Twilio has no such status. Choose one of: {', '.join(STATUSES)}.")
        fields = {"MessageSid": f"SM{uuid4().hex}", "MessageStatus": event, TEST_FIELD: "1"}
        signed = signatures.twilio_signature(
            self.callback_url, signatures.sorted_fields(fields), self.tokens[0], "sha1"
        )
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signed,
        }
        return WebhookRequest(
            method="POST",
            url=self.callback_url,
            headers=headers,
            body=urlencode(fields).encode(),
        )


class TwilioWhatsApp(Twilio):
    """The same account, with addresses of the other channel."""

    channel = "whatsapp"
    prefix = WHATSAPP
    own_list = ""

    def can_send_as(self, sender: str) -> bool:
        """Twilio knows no ids of Meta's."""
        return sender.startswith("+")

    def inability(self, *, to: str, template: str) -> str:
        if not to.startswith("+"):
            return f"“{to}” is an id at Meta and no number, which Twilio does not know."
        if template and not template.startswith(CONTENT_SID):
            # Sent as plain text it would be refused outside the 24-hour window, a moment later.
            return f"Twilio does not have Meta's template “{template}”."
        return ""

    def origin(self, outbound: Outbound) -> dict[str, str]:
        if not self.can_send_as(outbound.sender):
            raise RouteRejected(
                f"“{outbound.sender}” is an id at Meta and no number; Twilio does not know it.",
                code="no_number",
            )
        return super().origin(outbound)

    def find_by_content(self, outbound: Outbound, since: datetime) -> list[str]:
        if outbound.template is not None:
            raise LookupError("Twilio writes the text of a template, so it cannot be found by it.")
        return super().find_by_content(outbound, since)

    def as_params(self, outbound: Outbound) -> dict[str, Any]:
        template = outbound.template
        if why := self.inability(to=outbound.to, template=template.name if template else ""):
            raise RouteRejected(why, code="unable")
        params = super().as_params(outbound)
        if template is None:
            return params
        del params["body"]
        texts = (value for value in template.values if value.part == "body")
        variables = {
            value.parameter or str(place): value.value for place, value in enumerate(texts, 1)
        }
        return params | {
            "content_sid": template.name,
            "content_variables": json.dumps(variables),
        }
