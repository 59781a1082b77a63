"""WhatsApp Business Cloud API. https://developers.facebook.com/docs/whatsapp/cloud-api

Meta has no SDK for Python: plain HTTP through our pooled client.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from communications.providers.base import Accepted, ProbeResult, Provider, Reply
from communications.providers.whatsapp import receiving, signatures
from communications.providers.whatsapp.errors import OF_ITS_ACCOUNT, decode_meta_answer
from communications.providers.whatsapp.messages import parse_unix_time
from communications.providers.whatsapp.receiving import STATUSES, TEST_ID
from communications.providers.whatsapp.sending import message_body
from communications.providers.whatsapp.signatures import sign_meta_body
from communications.providers.whatsapp.templates import as_template_text
from communications.vocabulary.events import (
    Event,
    MessageReceived,
    Outbound,
    StatusChanged,
    TemplateText,
)
from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderPaused,
    SenderRejected,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.shapes import as_dict, as_dicts, as_int
from wedsync_comms.lib.web.webhook_request import WebhookRequest

CONNECTED = "CONNECTED"


class WhatsApp(Provider):
    """At most once: Meta has no idempotency keys, so what may have left is not sent again before a
    status with our own id has told."""

    label = "WhatsApp"
    channel = "whatsapp"
    webhook = "whatsapp"
    batch_limit = 1
    idempotent = False
    has_handshake = True
    sample_event = "delivered"
    # https://developers.facebook.com/docs/whatsapp/cloud-api/block-users
    own_list = (
        "People can stop marketing messages in WhatsApp itself. That closes marketing templates "
        "here too, and only they can allow them again. Meta’s list of blocked people is about who "
        "may write to you: an opt-out puts nobody on it."
    )
    # https://developers.facebook.com/docs/whatsapp/cloud-api/overview#pair-rate-limits
    pair_rate = Rate(per_second=1 / 6, burst=45.0)

    def __init__(
        self,
        *,
        access_token: str,
        phone_number_id: str,
        business_account_id: str = "",
        app_secrets: Sequence[str] = (),
        verify_token: str = "",
        api_url: str = "https://graph.facebook.com",
        api_version: str = "v23.0",
        rate_per_second: float = 80.0,
    ) -> None:
        self.token = access_token
        self.sender = phone_number_id
        self.business_account_id = business_account_id
        self.secrets = list(app_secrets)
        self.verify_token = verify_token
        self.base = f"{api_url.rstrip('/')}/{api_version}"
        self.http = Client()
        self.rate = Rate.below(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return bool(self.secrets)

    # --- send -----------------------------------------------------------------------------------

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:  # noqa: ARG002
        outbound = outbounds[0]
        try:
            answer = self.ask("post", f"{outbound.sender}/messages", json=message_body(outbound))
        except ProviderPaused as error:
            if self.narrowed(type(error), error.code, outbound.sender) is SenderRejected:
                refusal = SenderRejected(str(error), code=error.code, response=error.response)
                raise refusal from error
            raise
        first = next(iter(as_dicts(answer.get("messages"))), {})
        provider_id = first.get("id")
        if not isinstance(provider_id, str) or not provider_id:
            raise OutcomeUnknown("Meta answered without an id.", code="no_id")
        response = {"messages": answer["messages"], "contacts": answer.get("contacts", [])}
        return Reply(results=[Accepted(provider_id=provider_id, response=response)])

    def can_send_as(self, sender: str) -> bool:
        """Meta knows its numbers by ids."""
        return sender.isascii() and sender.isdigit()

    def inability(self, *, to: str, template: str) -> str:  # noqa: ARG002
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates/"""
        if template != template.lower():
            return f"Meta has no template “{template}”: its names have no capital letters."
        return ""

    def narrowed(self, kind: type[ProviderError], code: str, sender: str) -> type[ProviderError]:
        """Of an organization's own number, the account is not ours alone to judge by."""
        is_own = bool(sender) and sender != self.sender
        return SenderRejected if is_own and as_int(code, -1) in OF_ITS_ACCOUNT else kind

    def ask(self, method: str, path: str, **values: Any) -> dict[str, Any]:
        answer = self.http.request(
            method,
            f"{self.base}/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            **values,
        )
        return decode_meta_answer(answer)

    # --- webhooks -------------------------------------------------------------------------------

    def handshake(self, request: WebhookRequest) -> str:
        return signatures.meta_challenge(request, self.verify_token)

    def verify(self, request: WebhookRequest) -> str:
        signatures.verify_meta_signature(request, self.secrets)
        # Meta gives a delivery no id; the same body is the same delivery.
        return hashlib.sha256(request.body).hexdigest()

    def event_type(self, request: WebhookRequest) -> str:
        return receiving.changed_field_names(request)

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        return receiving.meta_events(request)

    # --- asking ---------------------------------------------------------------------------------

    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-phone-number"""
        answer = self.ask(
            "get",
            f"{self.sender}/message_history",
            params={"message_id": provider_id, "fields": "id,message_id,events"},
        )
        events = [
            event
            for item in as_dicts(answer.get("data"))
            for event in as_dicts(as_dict(item.get("events")).get("data"))
        ]
        known = [
            (STATUSES[name], event)
            for event in events
            if (name := str(event.get("delivery_status", "")).lower()) in STATUSES
        ]
        if not known:
            return None
        (kind, status), event = max(known, key=lambda candidate: candidate[0][1].rank)
        return StatusChanged(
            kind=kind,
            status=status,
            provider_id=provider_id,
            occurred_at=parse_unix_time(event.get("timestamp")),
            detail=str(event.get("error_description", "")),
        )

    def probe(self) -> ProbeResult:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-phone-number"""
        wanted = "quality_rating,messaging_limit_tier,status,name_status,display_phone_number"
        answer = self.ask("get", self.sender, params={"fields": wanted})
        facts = {name: str(answer[name]) for name in wanted.split(",") if answer.get(name)}
        return ProbeResult(warning=number_warning(facts), facts=facts)

    def fetch_templates(self) -> Iterator[TemplateText]:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates"""
        after = ""
        while self.business_account_id:
            answer = self.ask(
                "get",
                f"{self.business_account_id}/message_templates",
                params={"limit": "100", **({"after": after} if after else {})},
            )
            yield from (as_template_text(item) for item in as_dicts(answer.get("data")))
            paging = as_dict(answer.get("paging"))
            after = as_dict(paging.get("cursors")).get("after", "") if paging.get("next") else ""
            if not after:
                return

    def fetch_received(self, provider_id: str) -> MessageReceived:
        raise LookupError(f"{provider_id} came whole: Meta's webhooks carry the text.")

    def sample(self, event: str) -> WebhookRequest:
        if event not in STATUSES:
            raise LookupError(f"Meta has no such status. Choose one of: {', '.join(STATUSES)}.")
        if not self.secrets:
            raise LookupError("Set WHATSAPP_APP_SECRET first.")
        now = str(int(datetime.now(UTC).timestamp()))
        status = {"id": f"{TEST_ID}-{uuid4().hex}", "status": event, "timestamp": now}
        value = {"metadata": {"phone_number_id": self.sender}, "statuses": [status]}
        entry = {"id": self.business_account_id, "changes": [{"field": "messages", "value": value}]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        headers = {
            "content-type": "application/json",
            "x-hub-signature-256": sign_meta_body(body, self.secrets[0]),
        }
        return WebhookRequest(method="POST", url="", headers=headers, body=body)


def number_warning(facts: Mapping[str, str]) -> str:
    """Returns what will soon stop messages, if it goes on; blank if nothing will."""
    if facts.get("quality_rating") == "RED":
        return "People block or report this number so often that Meta may lower its limit."
    status = facts.get("status", CONNECTED)
    return "" if status == CONNECTED else f"The number is {status}, not {CONNECTED}."
