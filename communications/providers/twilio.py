"""Twilio: SMS, and WhatsApp as that channel's second provider. https://www.twilio.com/docs/messaging"""

import hashlib
import hmac
import json
import math
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from twilio.base.exceptions import (
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.rest import Client as TwilioClient

from communications.events import (
    Event,
    Kind,
    Media,
    MessageReceived,
    Outbound,
    Reason,
    StatusChanged,
    WebhookRequest,
    Wish,
)
from communications.providers.base import Accepted, Acknowledgement, Probed, Provider, Reply
from communications.statuses import Status
from wedsync_comms.lib.errors import (
    ConfigurationRejected,
    ContentRejected,
    CredentialsRejected,
    InvalidRecipient,
    InvalidSignature,
    MalformedRequest,
    OptedOut,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    RouteRejected,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.rates import Rate

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
# "Undelivered" is a failure here and not a bounce: a later receipt from the handset disproves it.
STATUSES: dict[str, tuple[Kind, Status]] = {
    "accepted": (Kind.OTHER, Status.SENT),
    "scheduled": (Kind.OTHER, Status.SENT),
    "queued": (Kind.OTHER, Status.SENT),
    "sending": (Kind.OTHER, Status.SENT),
    "sent": (Kind.SENT, Status.SENT),
    "delivered": (Kind.DELIVERED, Status.DELIVERED),
    "partially_delivered": (Kind.DELIVERED, Status.DELIVERED),
    "read": (Kind.READ, Status.READ),
    "undelivered": (Kind.FAILED, Status.FAILED),
    "failed": (Kind.FAILED, Status.FAILED),
    "canceled": (Kind.FAILED, Status.FAILED),
}

# https://www.twilio.com/docs/api/errors: what an error at the call, or in a receipt, calls for.
ERRORS: dict[int, type[ProviderError]] = {
    20003: CredentialsRejected,
    20005: ConfigurationRejected,
    20008: ConfigurationRejected,
    20404: ConfigurationRejected,
    21212: ConfigurationRejected,
    21601: ConfigurationRejected,
    21603: ConfigurationRejected,
    21606: ConfigurationRejected,
    21701: ConfigurationRejected,
    30002: ConfigurationRejected,
    90010: ConfigurationRejected,
    21211: InvalidRecipient,
    21217: InvalidRecipient,
    21265: InvalidRecipient,
    21614: InvalidRecipient,
    21635: InvalidRecipient,
    30005: InvalidRecipient,
    30006: InvalidRecipient,
    63003: InvalidRecipient,
    63024: InvalidRecipient,
    21610: OptedOut,
    30004: OptedOut,
    63014: OptedOut,
    21268: RouteRejected,
    21408: RouteRejected,
    21608: RouteRejected,
    21612: RouteRejected,
    21602: ContentRejected,
    21609: ContentRejected,
    21617: ContentRejected,
    21619: ContentRejected,
    21620: ContentRejected,
    21623: ContentRejected,
    21655: ContentRejected,
    21656: ContentRejected,
    30007: ContentRejected,
    30032: ContentRejected,
    30034: ContentRejected,
    32017: ContentRejected,
    63013: ContentRejected,
    63016: ContentRejected,
    90007: ContentRejected,
    20429: RateLimited,
    21611: RateLimited,
    63018: RateLimited,
    63032: RateLimited,
    20500: ServerFailed,
    20503: ServerFailed,
    # Only in receipts: Twilio took it, and it never reached the carrier or the handset.
    30001: TransientError,
    30003: TransientError,
    30017: TransientError,
    30022: TransientError,
    30023: TransientError,
    30036: TransientError,
    30410: TransientError,
    30500: TransientError,
    # "Unknown error": it may have arrived.
    30008: OutcomeUnknown,
}
# How long Twilio wants to be left alone, where it does not say.
PAUSES = {21611: timedelta(minutes=5), 63018: timedelta(minutes=1), 63032: timedelta(minutes=10)}
PAUSE = timedelta(seconds=1)
TOO_MANY, SERVER_ERROR, UNAUTHORIZED, BAD_REQUEST = 429, 500, 401, 400
# Longer than this is a mistake: it would stop everything.
LONGEST_PAUSE = timedelta(hours=1)

# https://www.twilio.com/docs/messaging/api/message-resource: 1 to 36,000 seconds.
MAX_VALIDITY = 36_000
MAX_MEDIA = 10
# More digits than any code of Twilio's has.
TOO_LONG = 10
# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out, and what a text alone says.
WISHES = {
    **dict.fromkeys(
        ("stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"),
        Wish.STOP,
    ),
    **dict.fromkeys(("start", "yes", "unstop"), Wish.START),
    **dict.fromkeys(("help", "info"), Wish.HELP),
}
WHATSAPP = "whatsapp:"
# https://www.twilio.com/docs/content: how the ids of its own templates begin.
CONTENT_SID = "HX"


class PooledClient(HttpClient):
    """The SDK's HTTP, with pooled connections, timeouts, and errors of ours."""

    def __init__(self) -> None:
        super().__init__(None, is_async=False, timeout=None)
        self.client = Client()
        self.seen = threading.local()

    def request(
        self,
        method: str,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        timeout: Any = None,  # noqa: ARG002
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> TwilioResponse:
        answer = self.client.request(
            method,
            url,
            headers=headers or {},
            params=params,
            data=data,
            auth=auth,
        )
        self.seen.headers = answer.headers
        return TwilioResponse(answer.status, answer.content.decode(), answer.headers)

    @property
    def retry_after(self) -> timedelta | None:
        """What the last answer in this thread said; Twilio does not promise to say."""
        try:
            seconds = float(self.seen.headers["retry-after"])
        except (AttributeError, KeyError, ValueError):
            return None
        if not math.isfinite(seconds) or seconds <= 0:
            return None
        return timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds()))


class Twilio(Provider):
    """At most once: Twilio has no idempotency keys, so what may have left is never sent again
    before a callback or a look into its list has told."""

    channel = "sms"
    webhook = "twilio"
    batch_limit = 1
    idempotent = False
    acknowledgement = Acknowledgement("text/xml", "<Response/>")
    prefix = ""
    sample_event = "delivered"

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
        self.is_a_pool = bool(messaging_service_sid)
        self.callback_url = callback_url
        self.http = PooledClient()
        self.client = TwilioClient(account_sid, self.tokens[0], http_client=self.http)
        self.client.api.base_url = api_url.rstrip("/")
        self.rate = Rate.permitted(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return bool(self.callback_url)

    # --- send -----------------------------------------------------------------------------------

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:  # noqa: ARG002
        params = self.as_params(outbounds[0])
        with self.classified():
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
            params["media_url"] = [one.url for one in outbound.media]
        if outbound.expires_at is not None:
            left = int((outbound.expires_at - datetime.now(UTC)).total_seconds())
            params["validity_period"] = min(max(left, 1), MAX_VALIDITY)
        return params | {"body": outbound.text}

    def origin(self, outbound: Outbound) -> dict[str, str]:
        if self.is_a_pool and outbound.sender == self.sender:
            return {"messaging_service_sid": self.messaging_service_sid}
        return {"from_": self.prefix + outbound.sender}

    def callback(self, outbound: Outbound) -> str:
        echoed = {"call": outbound.call, "message": outbound.message}
        return f"{self.callback_url}?{urlencode(echoed)}"

    # --- webhooks -------------------------------------------------------------------------------

    def verify(self, request: WebhookRequest) -> str:
        """https://www.twilio.com/docs/usage/security#validating-requests"""
        given = request.headers.get("x-twilio-signature", "")
        if not given:
            raise InvalidSignature("The header X-Twilio-Signature is missing.")
        candidates = (
            signature(url, signed_fields(request), token, algorithm(request))
            for token in self.tokens
            for url in spellings(request.url)
        )
        if not any(equal(one, given) for one in candidates):
            raise InvalidSignature("The signature does not match.")
        return event_id(request)

    def topic(self, request: WebhookRequest) -> str:
        fields = form(request)
        return fields.get("MessageStatus") or fields.get("SmsStatus") or ""

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        fields = form(request)
        if "MessageSid" not in fields or "WedSyncTest" in fields:
            return
        status = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        if status in {"received", "receiving"}:
            yield received(fields)
        elif status in STATUSES:
            echoed = dict(parse_qsl(urlsplit(request.url).query))
            yield status_changed(
                status,
                fields["MessageSid"],
                fields.get("ErrorCode", ""),
                fields.get("ErrorMessage") or fields.get("ChannelStatusMessage", ""),
                echoed,
            )

    # --- asking ---------------------------------------------------------------------------------

    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        with self.classified():
            found = self.client.messages(provider_id).fetch()
        status, code = str(found.status), str(found.error_code or "")
        if status not in STATUSES:
            return None
        return status_changed(status, provider_id, code, str(found.error_message or ""), {})

    def probe(self) -> Probed:
        """https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource"""
        with self.classified():
            found = self.client.api.accounts(self.account_sid).fetch()
        status = str(found.status)
        if status != "active":
            raise ConfigurationRejected(f"The account is {status}.", code=status)
        return Probed(facts={"account": status, "type": str(found.type)})

    def look_up(self, outbound: Outbound, since: datetime) -> list[str]:
        """Same people, same text, made since then. Twilio's list does not show our own ids.

        https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
        """
        with self.classified():
            newest = self.client.messages.list(to=self.prefix + outbound.to, limit=100)
        return [str(one.sid) for one in newest if self.may_be(one, outbound, since)]

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
        fields = {"MessageSid": f"SM{uuid4().hex}", "MessageStatus": event, "WedSyncTest": "1"}
        signed = signature(self.callback_url, sorted_fields(fields), self.tokens[0], "sha1")
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

    def classified(self) -> "Classified":
        return Classified(self.http)


class TwilioWhatsApp(Twilio):
    """The same account, with addresses of the other channel."""

    channel = "whatsapp"
    prefix = WHATSAPP

    def origin(self, outbound: Outbound) -> dict[str, str]:
        if not outbound.sender.startswith("+"):
            raise RouteRejected(
                f"“{outbound.sender}” is a number's id at Meta; Twilio does not know it.",
                code="no_number",
            )
        return super().origin(outbound)

    def look_up(self, outbound: Outbound, since: datetime) -> list[str]:
        if outbound.template is not None:
            raise LookupError("Twilio writes the text of a template, so it cannot be found by it.")
        return super().look_up(outbound, since)

    def as_params(self, outbound: Outbound) -> dict[str, Any]:
        params = super().as_params(outbound)
        template = outbound.template
        if template is None:
            return params
        if not template.name.startswith(CONTENT_SID):
            # Sent as plain text it would be refused outside the 24-hour window, a moment later.
            raise ContentRejected(
                f"Twilio does not have Meta's template “{template.name}”.",
                code="no_content_sid",
            )
        del params["body"]
        variables = {str(place): value for place, value in enumerate(template.parameters, 1)}
        return params | {
            "content_sid": template.name,
            "content_variables": json.dumps(variables),
        }


# --- errors -------------------------------------------------------------------------------------


# What the SDK raises for an answer that is not what it expects.
UNREADABLE = (TwilioException, ValueError, TypeError, AttributeError, KeyError)


class Classified:
    """Turns the SDK's errors into ours. The transport's come as ours already."""

    def __init__(self, http: PooledClient) -> None:
        self.http = http

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, TwilioRestException | TwilioServiceException):
            raise classify(error, self.http.retry_after) from error
        if isinstance(error, UNREADABLE):
            raise OutcomeUnknown(
                f"Twilio's answer is unreadable: {error}", code="unreadable"
            ) from error


def classify(
    error: TwilioRestException | TwilioServiceException,
    retry_after: timedelta | None,
) -> ProviderError:
    code, status = number(error.code), number(error.status)
    message = str(error.msg if isinstance(error, TwilioRestException) else words(error))
    response: dict[str, object] = {"status": status, "code": code, "message": message}
    kind = error_class(status, code)
    if kind is RateLimited:
        wait = retry_after or PAUSES.get(code, PAUSE)
        return RateLimited(message, retry_after=wait, code=str(code), response=response)
    return kind(message, code=str(code), response=response)


def error_class(status: int, code: int) -> type[ProviderError]:
    """The table first, the HTTP status second: Twilio adds codes without notice."""
    if code in ERRORS:
        return ERRORS[code]
    if status == TOO_MANY:
        return RateLimited
    if status >= SERVER_ERROR:
        return ServerFailed
    if status < BAD_REQUEST:
        return OutcomeUnknown
    return CredentialsRejected if status == UNAUTHORIZED else ContentRejected


def words(error: TwilioServiceException) -> str:
    """https://www.rfc-editor.org/rfc/rfc9457, how Twilio's newer services word an error."""
    return f"{error.title}: {error.detail}" if error.detail else str(error.title)


def number(value: Any) -> int:
    """0 for what is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < TOO_LONG else 0


# --- signatures ---------------------------------------------------------------------------------


def signature(url: str, fields: str, token: str, name: str) -> str:
    digest = hmac.new(token.encode(), (url + fields).encode(), getattr(hashlib, name)).digest()
    return b64encode(digest).decode()


def equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def algorithm(request: WebhookRequest) -> str:
    """Shared keys, which Twilio offers since 2026, sign with SHA-256 and say so."""
    said = request.headers.get("x-twilio-webhooks-signature-settings", "")
    return "sha256" if "HMAC_SHA256" in said else "sha1"


def signed_fields(request: WebhookRequest) -> str:
    """What is signed besides the address: of a form each name with each of its values, sorted and
    without repetitions; of JSON nothing, because its hash is in the address."""
    if expected := dict(parse_qsl(urlsplit(request.url).query)).get("bodySHA256"):
        if not equal(hashlib.sha256(request.body).hexdigest(), expected.lower()):
            raise InvalidSignature("The body is not the one that was signed.")
        return ""
    return sorted_fields(parse_qs(text_of(request), keep_blank_values=True))


def sorted_fields(fields: Mapping[str, Sequence[str] | str]) -> str:
    pairs = (
        (name, value)
        for name, values in fields.items()
        for value in ([values] if isinstance(values, str) else set(values))
    )
    return "".join(name + value for name, value in sorted(pairs))


def spellings(url: str) -> Iterator[str]:
    """Twilio signs some addresses with their port and some without."""
    parts = urlsplit(url)
    yield url
    if parts.port is None:
        port = 443 if parts.scheme == "https" else 80
        yield urlunsplit(parts._replace(netloc=f"{parts.netloc}:{port}"))
    else:
        yield urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))


def event_id(request: WebhookRequest) -> str:
    """Twilio's own token, the same when it delivers again; or what tells two callbacks apart."""
    token = request.headers.get("i-twilio-idempotency-token", "")
    if token:
        return token
    fields = form(request)
    names = ("MessageSid", "MessageStatus", "ErrorCode")
    return ":".join(fields.get(name, "") for name in names)


# --- payloads -----------------------------------------------------------------------------------


def text_of(request: WebhookRequest) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("The body is not a form in UTF-8.") from error


def form(request: WebhookRequest) -> dict[str, str]:
    return dict(parse_qsl(text_of(request), keep_blank_values=True))


def status_changed(
    status: str,
    provider_id: str,
    code: str,
    detail: str,
    echoed: Mapping[str, str],
) -> StatusChanged:
    """No time in it and no order: Twilio sends neither."""
    kind, point = STATUSES[status]
    remedy = ERRORS.get(number(code))
    failed = point is Status.FAILED
    return StatusChanged(
        kind=kind,
        status=point,
        provider_id=provider_id,
        call=echoed.get("call", ""),
        message=echoed.get("message", ""),
        occurred_at=datetime.now(UTC),
        code=code,
        detail=detail or REASONS.get(number(code), ""),
        remedy=remedy if failed else None,
        retry_after=PAUSES.get(number(code), timedelta(0)),
        closes=Reason.OPT_OUT if failed and remedy is OptedOut else None,
    )


def received(fields: Mapping[str, str]) -> MessageReceived:
    sender, to = fields.get("From", ""), fields.get("To", "")
    text = fields.get("Body", "")
    said = (fields.get("OptOutType") or text).strip().lower()
    return MessageReceived(
        channel="whatsapp" if sender.startswith(WHATSAPP) else "sms",
        provider_id=fields["MessageSid"],
        sender=sender.removeprefix(WHATSAPP),
        sender_name=fields.get("ProfileName", ""),
        handle=fields.get("ExternalUserId", ""),
        to=(to.removeprefix(WHATSAPP),),
        subject="",
        text=text,
        media=tuple(
            Media(
                url=fields.get(f"MediaUrl{place}", ""),
                content_type=fields.get(f"MediaContentType{place}", ""),
            )
            for place in range(min(number(fields.get("NumMedia")), MAX_MEDIA))
        ),
        occurred_at=datetime.now(UTC),
        opens_window=sender.startswith(WHATSAPP),
        wish=WISHES.get(said),
    )


# What staff reads; the codes are those whose own text does not say what to do.
REASONS = {
    21610: "The recipient replied STOP. They can reply START to hear from you again.",
    30001: "Twilio's queue was full: it is sent again.",
    30003: "The handset is off or out of reach.",
    30004: "The recipient or their carrier blocks this number.",
    30005: "The number does not exist, or not any more: ask for another.",
    30006: "A landline, or a carrier that takes no SMS: use another channel.",
    30007: "The carrier filtered it as spam: reword it, or register the sender.",
    30008: "The carrier gave no reason. It may have arrived.",
    30034: "The number is not registered for business messages (A2P 10DLC).",
    63016: "WhatsApp's 24-hour window is closed: use a template.",
}
