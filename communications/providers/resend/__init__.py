"""Resend: e-mail. https://resend.com/docs/api-reference"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import resend

from communications.providers.base import ProbeResult, Provider, Reply
from communications.providers.resend import receiving, signatures
from communications.providers.resend.errors import asking_errors, resend_errors
from communications.providers.resend.mail_headers import first_id
from communications.providers.resend.receiving import (
    EVENTS,
    LAST_EVENTS,
    TEST_TAG,
    parse_resend_time,
    received_mail,
)
from communications.providers.resend.sending import (
    accepted_mail,
    as_object,
    as_params,
    batch_results,
    created_at,
    may_be,
    permitted_rate,
)
from communications.providers.resend.transport import CLIENT
from communications.vocabulary.email_addresses import sender_header
from communications.vocabulary.events import (
    Event,
    Kind,
    MessageReceived,
    Outbound,
    Reason,
    StatusChanged,
)
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    CredentialsRejected,
    PermanentError,
)
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.shapes import as_dicts
from wedsync_comms.lib.web.webhook_request import WebhookRequest

# https://resend.com/docs/api-reference/pagination: at most 100 a page. Looking through more pages
# than these would cost a minute of sending.
LISTED_AT_ONCE = 100
LISTED_PAGES = 20


SENDING_ONLY = "The key may only send: the text of received mail cannot be fetched with it."


class Resend(Provider):
    """At most once: a call is repeated only with its key, for which Resend sends one mail."""

    label = "Resend"
    channel = "email"
    webhook = "resend"
    # https://resend.com/docs/api-reference/emails/send-batch-emails
    batch_limit = 100
    # https://resend.com/docs/dashboard/emails/idempotency-keys: kept for 24 hours.
    idempotent = True
    finds_by_content = True
    sample_event = "email.delivered"
    # https://resend.com/docs/dashboard/emails/email-suppressions
    own_list = (
        "Resend keeps a list of addresses that bounced for good or complained, for its whole "
        "account. What it puts there is closed here as well. Opt-outs are not put there by us, "
        "because others may write through the same account; what is lifted here may have to be "
        "removed from Resend’s list too, in its dashboard."
    )

    def __init__(
        self,
        *,
        api_key: str,
        sender: str,
        webhook_secrets: Sequence[str] = (),
        api_url: str = "https://api.resend.com",
        rate_per_second: float = 2.0,
    ) -> None:
        self.account = (api_url.rstrip("/"), api_key)
        self.sender = sender_header(sender)
        self.webhooks = [signatures.svix_verifier(secret) for secret in webhook_secrets]
        self.rate = Rate.below(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return bool(self.webhooks)

    # --- send -----------------------------------------------------------------------------------

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:
        CLIENT.account.set(self.account)
        if len(outbounds) == 1:
            return self._send_one(outbounds[0], key)
        return self._send_batch(outbounds, key)

    def _send_one(self, outbound: Outbound, key: str) -> Reply:
        with resend_errors():
            answer = as_object(
                resend.Emails.send(as_params(outbound), {"idempotency_key": key}),
            )
        return Reply(results=[accepted_mail(answer)], per_second=permitted_rate(answer))

    def _send_batch(self, outbounds: Sequence[Outbound], key: str) -> Reply:
        with resend_errors():
            answer = as_object(
                resend.Batch.send(
                    [as_params(outbound) for outbound in outbounds],
                    # One bad mail must not hold back the others.
                    {"idempotency_key": key, "batch_validation": "permissive"},
                ),
            )
        return Reply(
            results=batch_results(answer, len(outbounds)),
            per_second=permitted_rate(answer),
        )

    # --- webhooks -------------------------------------------------------------------------------

    def verify(self, request: WebhookRequest) -> str:
        return signatures.verify_svix_signature(request, self.webhooks)

    def event_type(self, request: WebhookRequest) -> str:
        return receiving.resend_event_type(request)

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        return receiving.resend_events(request)

    # --- asking ---------------------------------------------------------------------------------

    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        CLIENT.account.set(self.account)
        with resend_errors():
            answer = as_object(resend.Emails.get(provider_id))
        kind, status = LAST_EVENTS.get(str(answer.get("last_event")), (Kind.OTHER, None))
        if status is None:
            return None
        return StatusChanged(
            kind=kind,
            status=status,
            provider_id=provider_id,
            internet_message_id=first_id(answer.get("message_id")),
            # The answer does not say when it happened.
            occurred_at=datetime.now(UTC),
            closes=Reason.COMPLAINT if kind is Kind.COMPLAINED else None,
        )

    def find_batch_by_content(
        self, outbounds: Sequence[Outbound], since: datetime, turn_page: Callable[[], None]
    ) -> list[list[str]]:
        """Returns, for each, the mails to the same address with its sender and subject since then.

        Resend's list is the newest first and does not show our tags: it is read once for all.

        https://resend.com/docs/api-reference/emails/list-emails
        """
        mails = list(self.mails_since(since, turn_page))
        return [
            [str(mail.get("id")) for mail in mails if may_be(mail, outbound, since)]
            for outbound in outbounds
        ]

    def mails_since(
        self, since: datetime, turn_page: Callable[[], None]
    ) -> Iterator[dict[str, Any]]:
        CLIENT.account.set(self.account)
        page = resend.Emails.ListParams(limit=LISTED_AT_ONCE)
        for number in range(LISTED_PAGES):
            if number:
                turn_page()
            with asking_errors():
                answer = as_object(resend.Emails.list(page))
            mails = as_dicts(answer.get("data"))
            yield from mails
            if not answer.get("has_more") or not mails or created_at(mails[-1]) < since:
                return
            page["after"] = str(mails[-1].get("id"))
        raise LookupError("Resend has sent too many mails since to look through them.")

    def probe(self) -> ProbeResult:
        """https://resend.com/docs/api-reference/domains/list-domains"""
        CLIENT.account.set(self.account)
        try:
            with resend_errors():
                answer = as_object(resend.Domains.list())
        except CredentialsRejected as error:
            # A key that may only send was recognised, and is as good as what it is used for.
            if error.code == "restricted_api_key":
                return ProbeResult(note=SENDING_ONLY, facts={"key": "may send and nothing else"})
            raise
        return domain_probe(answer, self.sender)

    def fetch_received(self, provider_id: str) -> MessageReceived:
        CLIENT.account.set(self.account)
        try:
            with resend_errors():
                answer = as_object(resend.Emails.Receiving.get(provider_id))
        except ConfigurationRejected as error:
            # Not of the account: there is no such mail, or not any more.
            raise PermanentError(str(error), code=error.code) from error
        return received_mail(
            {**answer, "email_id": provider_id}, parse_resend_time(answer.get("created_at"))
        )

    def sample(self, event: str) -> WebhookRequest:
        if event not in EVENTS:
            raise LookupError(f"Resend has no such event. Choose one of: {', '.join(EVENTS)}.")
        if not self.webhooks:
            raise LookupError("Set RESEND_WEBHOOK_SECRET first.")
        now = datetime.now(UTC)
        data = {"email_id": str(uuid4()), "to": ["delivered@resend.dev"], "tags": {TEST_TAG: "yes"}}
        body = json.dumps({"type": event, "created_at": now.isoformat(), "data": data})
        event_id = f"msg_test_{uuid4().hex}"
        headers = {
            "content-type": "application/json",
            "svix-id": event_id,
            "svix-timestamp": str(int(now.timestamp())),
            "svix-signature": self.webhooks[0].sign(event_id, now.replace(microsecond=0), body),
        }
        return WebhookRequest(method="POST", url="", headers=headers, body=body.encode())


def domain_probe(answer: Mapping[str, Any], sender: str) -> ProbeResult:
    domains = {
        str(item.get("name", "")): str(item.get("status", ""))
        for item in as_dicts(answer.get("data"))
    }
    ours = sender.rpartition("@")[2].rstrip("> ").lower()
    state = domains.get(ours, "verified")
    return ProbeResult(
        warning="" if state == "verified" else f"The domain {ours} is {state}, not verified.",
        facts={f"domain {name}": state for name, state in sorted(domains.items())},
    )
