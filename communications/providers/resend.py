"""Resend: e-mail. https://resend.com/docs/api-reference"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client import HTTPClient
from standardwebhooks.webhooks import (
    EmptyWebhookSecretError,
    Webhook,
    WebhookVerificationError,
)

from communications.events import (
    AddressClosed,
    Event,
    Kind,
    MessageReceived,
    Outbound,
    Reason,
    StatusChanged,
    WebhookRequest,
)
from communications.providers.base import Accepted, Probed, Provider, Reply
from communications.statuses import Status
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    InvalidSignature,
    MalformedRequest,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    ServerFailed,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.rates import Rate

# https://resend.com/docs/dashboard/webhooks/event-types
# An open or a click proves the delivery; neither is a status of its own, since mail programs
# open mails on nobody's behalf.
EVENTS: dict[str, tuple[Kind, Status | None]] = {
    "email.scheduled": (Kind.OTHER, Status.SENT),
    "email.sent": (Kind.SENT, Status.SENT),
    "email.delivery_delayed": (Kind.DELAYED, Status.SENT),
    "email.delivered": (Kind.DELIVERED, Status.DELIVERED),
    "email.opened": (Kind.OPENED, Status.DELIVERED),
    "email.clicked": (Kind.CLICKED, Status.DELIVERED),
    "email.complained": (Kind.COMPLAINED, Status.DELIVERED),
    "email.bounced": (Kind.BOUNCED, Status.BOUNCED),
    "email.failed": (Kind.FAILED, Status.FAILED),
    "email.suppressed": (Kind.FAILED, Status.FAILED),
}
# GET /emails/{id} says the same without the prefix, and "canceled" and "queued" besides.
LAST_EVENTS: dict[str, tuple[Kind, Status | None]] = {
    **{name.removeprefix("email."): value for name, value in EVENTS.items()},
    "queued": (Kind.OTHER, Status.SENT),
    "canceled": (Kind.FAILED, Status.FAILED),
}

# https://resend.com/docs/api-reference/errors, by name first and then by HTTP status.
ERRORS: dict[str, type[ProviderError]] = {
    "missing_api_key": CredentialsRejected,
    "invalid_api_key": CredentialsRejected,
    "restricted_api_key": CredentialsRejected,
    "invalid_from_address": ConfigurationRejected,
    "invalid_access": ConfigurationRejected,
    "invalid_region": ConfigurationRejected,
    "not_found": ConfigurationRejected,
    "method_not_allowed": ConfigurationRejected,
    "invalid_idempotency_key": PermanentError,
    "validation_error": ContentRejected,
    "missing_required_field": ContentRejected,
    "invalid_parameter": ContentRejected,
    "invalid_attachment": ContentRejected,
    "security_error": ContentRejected,
    # The first request with the key is still running, or was carried out with other bytes: either
    # way one with this key exists.
    "concurrent_idempotent_requests": OutcomeUnknown,
    "invalid_idempotent_request": OutcomeUnknown,
    "application_error": ServerFailed,
    "internal_server_error": ServerFailed,
}
# How long to wait after a 429 that does not say; a quota is not back before the day is over.
PAUSES = {
    "daily_quota_exceeded": timedelta(hours=1),
    "monthly_quota_exceeded": timedelta(hours=6),
}

TIMESTAMP_DIGITS = 12
# Beyond this, a number in a header is a mistake.
SENSIBLE = 1_000_000.0
# On the samples we sign ourselves: they are about no message.
TEST_TAG = "wedsync-test"
BOUNCE_PERMANENT = "Permanent"


class PooledClient(HTTPClient):
    """The SDK's HTTP, with pooled connections, timeouts, and the account of the calling provider.

    The SDK keeps key and address in module globals; two accounts in one process share them. So
    each call says whose it is, and this client puts that account's values in.
    """

    def __init__(self) -> None:
        self.account: ContextVar[tuple[str, str]] = ContextVar("account")
        self.client = Client()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Any = None,
        files: Any = None,  # noqa: ARG002
        data: Any = None,  # noqa: ARG002
    ) -> tuple[bytes, int, Mapping[str, str]]:
        api_url, api_key = self.account.get()
        response = self.client.request(
            method,
            api_url + url.removeprefix(resend.api_url),
            headers={**headers, "Authorization": f"Bearer {api_key}"},
            # The SDK gives a body to a GET, which strict servers refuse.
            json=json if method == "post" and json else None,
        )
        if HTTPStatus(300) <= response.status < HTTPStatus.BAD_REQUEST:
            # The SDK would take it for a success. Not followed: the key would go along.
            raise ServerFailed(f"Resend redirects ({response.status}).", code="redirect")
        return response.content, response.status, response.headers


CLIENT = PooledClient()
resend.default_http_client = CLIENT
# Unset, the SDK would look for it in the environment and send "Bearer None".
resend.api_key = "set-by-the-client"


class Resend(Provider):
    """At most once: a call is repeated only with its key, for which Resend sends one mail."""

    channel = "email"
    webhook = "resend"
    # https://resend.com/docs/api-reference/emails/send-batch-emails
    batch_limit = 100
    # https://resend.com/docs/dashboard/emails/idempotency-keys: kept for 24 hours.
    idempotent = True
    sample_event = "email.delivered"

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
        self.sender = sender
        self.webhooks = [verifier(secret) for secret in webhook_secrets]
        self.rate = Rate.permitted(rate_per_second)

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
        with classified():
            answer = read_object(
                resend.Emails.send(as_params(outbound), {"idempotency_key": key}),
            )
        return Reply(results=[accepted(answer)], per_second=permitted(answer))

    def _send_batch(self, outbounds: Sequence[Outbound], key: str) -> Reply:
        with classified():
            answer = read_object(
                resend.Batch.send(
                    [as_params(one) for one in outbounds],
                    # One bad mail must not hold back the others.
                    {"idempotency_key": key, "batch_validation": "permissive"},
                ),
            )
        return Reply(
            results=batch_results(answer, len(outbounds)),
            per_second=permitted(answer),
        )

    # --- webhooks -------------------------------------------------------------------------------

    def verify(self, request: WebhookRequest) -> str:
        """https://docs.svix.com/receiving/verifying-payloads/how-manual"""
        headers = {name: header(request, name) for name in ("id", "timestamp", "signature")}
        if not headers["signature"]:
            raise InvalidSignature("The header svix-signature is missing.")
        missing = [name for name, value in headers.items() if not value]
        if missing:
            raise MalformedRequest(f"The header svix-{missing[0]} is missing.")
        timestamp = headers["timestamp"]
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < TIMESTAMP_DIGITS):
            raise MalformedRequest("The header svix-timestamp must be in whole seconds.")
        named = {f"webhook-{name}": value for name, value in headers.items()}
        if not any(matches(one, request.body, named) for one in self.webhooks):
            raise InvalidSignature("The signature does not match, or is more than 5 minutes old.")
        return headers["id"]

    def topic(self, request: WebhookRequest) -> str:
        return str(payload(request).get("type", ""))[:80]

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        body = payload(request)
        name, data = body.get("type"), body.get("data")
        if not isinstance(data, dict):
            raise MalformedRequest("A Resend webhook has its “data” in an object.")
        at = parse_time(body.get("created_at"))
        if TEST_TAG in tags(data):
            return
        event = read(str(name), data, at)
        if event is not None:
            yield event

    # --- asking ---------------------------------------------------------------------------------

    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        CLIENT.account.set(self.account)
        with classified():
            answer = read_object(resend.Emails.get(provider_id))
        kind, status = LAST_EVENTS.get(str(answer.get("last_event")), (Kind.OTHER, None))
        if status is None:
            return None
        return StatusChanged(
            kind=kind,
            status=status,
            provider_id=provider_id,
            # The answer does not say when it happened.
            occurred_at=datetime.now(UTC),
            closes=Reason.COMPLAINT if kind is Kind.COMPLAINED else None,
        )

    def probe(self) -> Probed:
        """https://resend.com/docs/api-reference/domains/list-domains"""
        CLIENT.account.set(self.account)
        try:
            with classified():
                answer = read_object(resend.Domains.list())
        except CredentialsRejected as error:
            # A key that may only send is a good one: it was recognised.
            if error.code == "restricted_api_key":
                return Probed(facts={"key": "may send and nothing else"})
            raise
        return as_probed(answer, self.sender)

    def fetch_received(self, provider_id: str) -> MessageReceived:
        CLIENT.account.set(self.account)
        with classified():
            answer = read_object(resend.Emails.Receiving.get(provider_id))
        return received({**answer, "email_id": provider_id}, parse_time(answer.get("created_at")))

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


# --- requests -----------------------------------------------------------------------------------


def as_params(outbound: Outbound) -> Any:
    """https://resend.com/docs/api-reference/emails/send-email: one recipient a mail, because a
    receipt does not say which of several it is about."""
    params: dict[str, Any] = {
        "from": outbound.sender,
        "to": [outbound.to],
        "subject": outbound.subject,
        # Letters, digits, dash and underscore only; echoed in every webhook.
        "tags": [
            {"name": "message", "value": outbound.message},
            {"name": "call", "value": outbound.call},
        ],
    }
    optional = {
        "text": outbound.text,
        "html": outbound.html,
        "reply_to": outbound.reply_to,
        "headers": dict(outbound.headers),
        "attachments": [
            {
                "filename": one.filename,
                "content_type": one.content_type,
                "content": base64.b64encode(one.content).decode(),
            }
            for one in outbound.attachments
        ],
    }
    return params | {name: value for name, value in optional.items() if value}


def read_object(answer: Any) -> dict[str, Any]:
    """The SDK passes on whatever JSON there is."""
    if not isinstance(answer, dict):
        raise OutcomeUnknown("Resend answered with something unreadable.", code="unreadable")
    return answer


def accepted(answer: Any) -> Accepted | ProviderError:
    provider_id = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(provider_id, str) or not provider_id:
        return OutcomeUnknown("Resend answered without an id.", code="no_id")
    return Accepted(provider_id=provider_id, response={"id": provider_id})


def batch_results(answer: Mapping[str, Any], count: int) -> list[Accepted | ProviderError]:
    """Ids come for the valid mails only, in their order; the errors say which are missing."""
    try:
        errors = {int(one["index"]): str(one["message"]) for one in answer.get("errors") or []}
    except (LookupError, TypeError, ValueError) as error:
        # Whose the ids are cannot be said.
        raise OutcomeUnknown("Resend's errors are unreadable.", code="unreadable") from error
    data = answer.get("data")
    ids = iter(data if isinstance(data, list) else [])
    return [
        refused(errors[index]) if index in errors else accepted(next(ids, None))
        for index in range(count)
    ]


def refused(message: str) -> ProviderError:
    return validation_error(message)(message, code="validation_error")


def as_probed(answer: Mapping[str, Any], sender: str) -> Probed:
    listed = answer.get("data")
    domains = {
        str(one.get("name", "")): str(one.get("status", ""))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    }
    ours = sender.rpartition("@")[2].rstrip("> ").lower()
    state = domains.get(ours, "verified")
    return Probed(
        warning="" if state == "verified" else f"The domain {ours} is {state}, not verified.",
        facts={f"domain {name}": state for name, state in sorted(domains.items())},
    )


def permitted(answer: Any) -> float | None:
    """https://resend.com/docs/api-reference/rate-limit: requests a second."""
    found = number(answer.get("http_headers", {}), "ratelimit-limit")
    return found if found and found > 0 else None


def number(headers: Mapping[str, str], name: str) -> float | None:
    """What the header says, if it is a number one can reckon with."""
    lower = {key.lower(): value for key, value in headers.items()}
    try:
        found = float(lower[name])
    except (KeyError, ValueError):
        return None
    return found if abs(found) <= SENSIBLE else None


# --- errors -------------------------------------------------------------------------------------


class classified:  # noqa: N801 (used as a word: "with classified()")
    """Turns the SDK's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ResendError):
            # The SDK reports every transport failure as a 500 of its own; the cause knows better.
            if isinstance(error.__context__, ProviderError):
                raise error.__context__ from None
            raise classify(error) from error
        if isinstance(error, NoContentError):
            raise OutcomeUnknown("Resend answered with nothing.", code="unreadable") from error


def classify(error: ResendError) -> ProviderError:
    name, message = str(error.error_type), str(error.message)
    # An error may be in the body of a success, in whatever shape.
    status = error.code if isinstance(error.code, int) else HTTPStatus.INTERNAL_SERVER_ERROR
    response: dict[str, object] = {"status": status, "name": name, "message": message}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            message,
            retry_after=PAUSES.get(name, retry_after(error)),
            code=name,
            response=response,
        )
    return error_class(status, name, message)(message, code=name, response=response)


def error_class(status: int, name: str, message: str) -> type[ProviderError]:
    """The table first, the HTTP status second: Resend adds names without notice."""
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerFailed
    if status == HTTPStatus.FORBIDDEN and name == "validation_error":
        # The domain is not verified, or the account may only write to its owner.
        return ConfigurationRejected
    if name in {"validation_error", "invalid_parameter"}:
        return validation_error(message)
    if name in ERRORS:
        return ERRORS[name]
    denied = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return CredentialsRejected if denied else ContentRejected


def validation_error(message: str) -> type[ProviderError]:
    """Resend names the field in the text only, between backquotes."""
    return InvalidRecipient if "`to`" in message else ContentRejected


def retry_after(error: ResendError) -> timedelta:
    seconds = number(error.headers or {}, "retry-after")
    return timedelta(seconds=1 if seconds is None else max(0.1, seconds))


# --- webhook payloads ---------------------------------------------------------------------------

SUPPRESSIONS = {"bounce": Reason.BOUNCE, "complaint": Reason.COMPLAINT}


def header(request: WebhookRequest, name: str) -> str:
    return request.headers.get(f"svix-{name}") or request.headers.get(f"webhook-{name}", "")


def verifier(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except EmptyWebhookSecretError as error:
        raise ValueError("A webhook secret is empty, or no base64.") from error


def matches(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):
        # ValueError: the library lets broken base64, a missing comma and non-ASCII through as such.
        return False
    return True


def payload(request: WebhookRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise MalformedRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise MalformedRequest("The body is not a JSON object.")
    return body


def read(name: str, data: dict[str, Any], at: datetime) -> Event | None:
    """None for what says nothing about a message or an address: domains, lists, new types."""
    if name in EVENTS:
        return status_changed(name, data, at)
    if name == "email.received":
        return received(data, at)
    if name == "contact.updated" and data.get("unsubscribed") is True:
        return closed(data, Reason.OPT_OUT, at)
    if name == "suppression.added":
        return closed(data, SUPPRESSIONS.get(str(data.get("origin")), Reason.MANUAL), at)
    return None


def status_changed(name: str, data: dict[str, Any], at: datetime) -> StatusChanged:
    kind, status = EVENTS[name]
    echoed = tags(data)
    explain = EXPLAIN.get(name)
    code, detail, closes = explain(data) if explain else ("", "", None)
    return StatusChanged(
        kind=kind,
        status=status,
        provider_id=str(data.get("email_id", "")),
        call=echoed.get("call", ""),
        message=echoed.get("message", ""),
        occurred_at=at,
        code=code[:80],
        detail=detail,
        closes=closes,
    )


def tags(data: dict[str, Any]) -> dict[str, str]:
    """An object in webhooks; a list, as in requests, has been seen as well."""
    found = data.get("tags") or {}
    if isinstance(found, list):
        found = {str(one.get("name")): one.get("value") for one in found if isinstance(one, dict)}
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def section(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


Explanation = tuple[str, str, Reason | None]


def bounced(data: dict[str, Any]) -> Explanation:
    """A bounce without a type is of the time before there were types: it says that this message
    bounced, and not that the address is dead."""
    bounce = section(data, "bounce")
    kind, subtype = str(bounce.get("type", "")), str(bounce.get("subType", ""))
    closes = Reason.BOUNCE if kind == BOUNCE_PERMANENT else None
    return f"{kind}/{subtype}".strip("/"), str(bounce.get("message", "")), closes


def complained(_: dict[str, Any]) -> Explanation:
    return "complaint", "The recipient reported it as spam.", Reason.COMPLAINT


def failed(data: dict[str, Any]) -> Explanation:
    reason = str(section(data, "failed").get("reason", ""))
    return reason, reason.replace("_", " ").capitalize(), None


def suppressed(data: dict[str, Any]) -> Explanation:
    found = section(data, "suppressed")
    reason = str(found.get("reason", ""))
    closes = Reason.COMPLAINT if "complaint" in reason else Reason.BOUNCE
    return str(found.get("type", "Suppressed")), str(found.get("message", "")), closes


EXPLAIN: dict[str, Callable[[dict[str, Any]], Explanation]] = {
    "email.bounced": bounced,
    "email.complained": complained,
    "email.failed": failed,
    "email.suppressed": suppressed,
}


def received(data: dict[str, Any], at: datetime) -> MessageReceived:
    """A webhook carries no body; GET /emails/receiving/{id} does."""
    return MessageReceived(
        provider_id=str(data.get("email_id", "")),
        sender=address(str(data.get("from", ""))),
        # Whoever was only copied in is written to all the same.
        to=tuple(one for name in ("to", "cc", "bcc") for one in addresses(data.get(name))),
        subject=str(data.get("subject") or ""),
        text=str(data.get("text") or ""),
        html=str(data.get("html") or ""),
        occurred_at=at,
        complete="text" in data or "html" in data,
    )


def addresses(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    return [address(str(one)) for one in listed] if isinstance(listed, list) else []


def address(value: str) -> str:
    return value.rpartition("<")[2].rstrip("> ").strip() or value


def closed(data: dict[str, Any], reason: Reason, at: datetime) -> AddressClosed:
    return AddressClosed(
        value=str(data.get("email", "")),
        reason=reason,
        occurred_at=at,
        detail="Reported by Resend for the whole account.",
    )


def parse_time(value: Any) -> datetime:
    """Seen: “…T22:13:42.674Z” and “2023-04-03 22:13:42.674981+00”. Now, where there is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
