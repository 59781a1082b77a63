"""WhatsApp Business Cloud API. https://developers.facebook.com/docs/whatsapp/cloud-api

Meta has no SDK for Python: plain HTTP through our pooled client.
"""

import hashlib
import hmac
import json
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from communications.events import (
    ConsentChanged,
    Event,
    Kind,
    Media,
    MessageReceived,
    Outbound,
    Reason,
    StatusChanged,
    TemplateChanged,
    TemplateRef,
    TemplateText,
    WebhookRequest,
    Wish,
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
    OptedOutOfMarketing,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
    RouteRejected,
    ServerFailed,
    TransientError,
)
from wedsync_comms.lib.http import Client, Response
from wedsync_comms.lib.rates import Rate

# https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#statuses-object
STATUSES: dict[str, tuple[Kind, Status]] = {
    "sent": (Kind.SENT, Status.SENT),
    # Left out by Meta where the message is read at once.
    "delivered": (Kind.DELIVERED, Status.DELIVERED),
    "read": (Kind.READ, Status.READ),
    "played": (Kind.READ, Status.READ),
    "failed": (Kind.FAILED, Status.FAILED),
}

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes, at the call as well
# as in receipts. Meta asks to build on codes, and not on HTTP statuses or titles.
ERRORS: dict[int, type[ProviderError]] = {
    **dict.fromkeys((0, 102, 104, 190), CredentialsRejected),
    **dict.fromkeys((3, 10, *range(200, 300), 131005), CredentialsRejected),
    **dict.fromkeys(
        (33, 368, 131031, 131037, 131042, 131045, 131063, 133010),
        ConfigurationRejected,
    ),
    **dict.fromkeys((2, 131016, 131057, 133004), TransientError),
    **dict.fromkeys((1, 131000, 135000), ServerFailed),
    **dict.fromkeys((4, 613, 80007, 130429, 131048, 131056, 131064, 133016), RateLimited),
    **dict.fromkeys((131021, 131026, 131030, 131062), InvalidRecipient),
    131050: OptedOutOfMarketing,
    # The account may not write to this country; to others it may.
    130497: RouteRejected,
    # An experiment of Meta's, and Meta's own cap on marketing: this message only, not the address.
    130472: PermanentError,
    131049: PermanentError,
    **dict.fromkeys(
        (100, 131008, 131009, 131047, 131051, 131052, 131053, 137000),
        ContentRejected,
    ),
    **dict.fromkeys((132000, 132001, 132005, 132007, 132008, 132012), ContentRejected),
    **dict.fromkeys((132015, 132016, 132068, 132069), ContentRejected),
}
# Meta never says how long; these are its documented windows.
PAUSES = {
    131056: timedelta(seconds=6),
    131048: timedelta(hours=1),
    131064: timedelta(hours=1),
    80007: timedelta(minutes=5),
    4: timedelta(minutes=5),
}
PAUSE = timedelta(seconds=2)
# One message every six seconds to the same person; it is they who are paused, not the number.
PAIR_LIMIT = 131056
SERVER_ERROR, BAD_REQUEST, REDIRECT, UNAUTHORIZED, TOO_MANY = 500, 400, 300, 401, 429
# What a proxy in front of Meta may say without Meta's words, and that needs none.
CLEAR = (UNAUTHORIZED, TOO_MANY)
# More digits than any code of Meta's has.
TOO_LONG = 10

# Inbound messages that do not open the 24-hour window.
WINDOWLESS = {"system", "reaction", "unsupported"}
MEDIA = ("image", "video", "audio", "document", "sticker")
# https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
# Those that may have a text beside them. Whatever else goes as a document, which may as well.
SHOWN = {
    "image/jpeg": "image",
    "image/png": "image",
    "video/mp4": "video",
    "video/3gpp": "video",
}
# WhatsApp's own ids keep what the numbering plans of two countries have given up: without Brazil's
# ninth digit, with Mexico's 1.
SPELLINGS = (
    (re.compile(r"55(\d\d)([6-9]\d{7})"), r"55\g<1>9\g<2>"),
    (re.compile(r"521(\d{10})"), r"52\g<1>"),
)
MARKETING = "marketing_messages"
STOP_WORDS, START_WORDS = {"stop", "unsubscribe"}, {"start", "unstop"}
TEST_ID = "wamid.wedsync-test"
CONNECTED = "CONNECTED"


class WhatsApp(Provider):
    """At most once: Meta has no idempotency keys, so what may have left is not sent again before a
    status with our own id has told."""

    channel = "whatsapp"
    webhook = "whatsapp"
    batch_limit = 1
    idempotent = False
    has_handshake = True
    sample_event = "delivered"
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
        self.rate = Rate.permitted(rate_per_second)

    @property
    def takes_webhooks(self) -> bool:
        return bool(self.secrets)

    # --- send -----------------------------------------------------------------------------------

    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:  # noqa: ARG002
        outbound = outbounds[0]
        answer = self.ask("post", f"{outbound.sender}/messages", json=as_body(outbound))
        first = next(iter(listed(answer.get("messages"))), {})
        provider_id = first.get("id")
        if not isinstance(provider_id, str) or not provider_id:
            raise OutcomeUnknown("Meta answered without an id.", code="no_id")
        response = {"messages": answer["messages"], "contacts": answer.get("contacts", [])}
        return Reply(results=[Accepted(provider_id=provider_id, response=response)])

    def ask(self, method: str, path: str, **values: Any) -> dict[str, Any]:
        answer = self.http.request(
            method,
            f"{self.base}/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            **values,
        )
        return decoded(answer)

    # --- webhooks -------------------------------------------------------------------------------

    def handshake(self, request: WebhookRequest) -> str:
        """https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification"""
        query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
        token = query.get("hub.verify_token", [""])[0]
        if query.get("hub.mode") != ["subscribe"] or "hub.challenge" not in query:
            raise MalformedRequest("This is not Meta's handshake.")
        if not self.verify_token or not equal(token, self.verify_token):
            raise InvalidSignature("The verify token is another one.")
        return query["hub.challenge"][0]

    def verify(self, request: WebhookRequest) -> str:
        """https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications"""
        given = request.headers.get("x-hub-signature-256", "")
        if not given:
            raise InvalidSignature("The header X-Hub-Signature-256 is missing.")
        if not any(equal(given, sign(request.body, secret)) for secret in self.secrets):
            raise InvalidSignature("The signature does not match.")
        # Meta gives a delivery no id; the same body is the same delivery.
        return hashlib.sha256(request.body).hexdigest()

    def topic(self, request: WebhookRequest) -> str:
        fields = {str(change.get("field", "")) for change in changes(request)}
        return ", ".join(sorted(fields))[:80]

    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        for change in changes(request):
            read = FIELDS.get(str(change.get("field")))
            value = change.get("value")
            if read is not None and isinstance(value, dict):
                yield from read(value)

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
            for one in listed(answer.get("data"))
            for event in listed(mapped(one.get("events")).get("data"))
        ]
        known = [
            (STATUSES[name], event)
            for event in events
            if (name := str(event.get("delivery_status", "")).lower()) in STATUSES
        ]
        if not known:
            return None
        (kind, status), event = max(known, key=lambda one: one[0][1].rank)
        return StatusChanged(
            kind=kind,
            status=status,
            provider_id=provider_id,
            occurred_at=moment(event.get("timestamp")),
            detail=str(event.get("error_description", "")),
        )

    def probe(self) -> Probed:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-phone-number"""
        wanted = "quality_rating,messaging_limit_tier,status,name_status,display_phone_number"
        answer = self.ask("get", self.sender, params={"fields": wanted})
        facts = {name: str(answer[name]) for name in wanted.split(",") if answer.get(name)}
        return Probed(warning=poor(facts), facts=facts)

    def fetch_templates(self) -> Iterator[TemplateText]:
        """https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates"""
        after = ""
        while self.business_account_id:
            answer = self.ask(
                "get",
                f"{self.business_account_id}/message_templates",
                params={"limit": "100", **({"after": after} if after else {})},
            )
            yield from (template(one) for one in listed(answer.get("data")))
            paging = mapped(answer.get("paging"))
            after = mapped(paging.get("cursors")).get("after", "") if paging.get("next") else ""
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
            "x-hub-signature-256": sign(body, self.secrets[0]),
        }
        return WebhookRequest(method="POST", url="", headers=headers, body=body)


# --- requests and answers -----------------------------------------------------------------------


def as_body(outbound: Outbound) -> dict[str, Any]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages"""
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": outbound.to.removeprefix("+"),
        # Ours, echoed in every status: finds the attempt even if the answer is lost.
        "biz_opaque_callback_data": f"{outbound.call} {outbound.message}",
    }
    if outbound.template is not None:
        return body | {"type": "template", "template": template_body(outbound.template)}
    if outbound.media:
        return body | media_body(outbound)
    return body | {"type": "text", "text": {"body": outbound.text, "preview_url": False}}


def template_body(chosen: TemplateRef) -> dict[str, Any]:
    components = []
    if chosen.parameters:
        parameters = [{"type": "text", "text": value} for value in chosen.parameters]
        components = [{"type": "body", "parameters": parameters}]
    return {
        "name": chosen.name,
        "language": {"code": chosen.language, "policy": "deterministic"},
        "components": components,
    }


def media_body(outbound: Outbound) -> dict[str, Any]:
    if len(outbound.media) > 1:
        raise ContentRejected(
            "A WhatsApp message carries one picture or document: send the others by themselves.",
            code="too_many_media",
        )
    [only] = outbound.media
    name = unquote(urlsplit(only.url).path).rpartition("/")[2]
    kind = SHOWN.get(only.content_type or mimetypes.guess_type(name)[0] or "", "document")
    content = {"link": only.url, "caption": outbound.text}
    if kind == "document" and name:
        content["filename"] = name
    return {"type": kind, kind: content}


def poor(facts: Mapping[str, str]) -> str:
    """What will soon stop messages, if it goes on."""
    if facts.get("quality_rating") == "RED":
        return "People block or report this number so often that Meta may lower its limit."
    status = facts.get("status", CONNECTED)
    return "" if status == CONNECTED else f"The number is {status}, not {CONNECTED}."


def decoded(answer: Response) -> dict[str, Any]:
    """Raises the error that a refusal, or an answer nobody can read, stands for."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) or answer.status in CLEAR:
        raise classify(answer.status, mapped(error))
    if answer.status >= REDIRECT or not isinstance(body, dict):
        kind = ServerFailed if answer.status >= SERVER_ERROR else OutcomeUnknown
        raise kind(f"Meta answered {answer.status} without a reason.", code=str(answer.status))
    return body


def classify(status: int, error: Mapping[str, Any]) -> ProviderError:
    code, message = number(error.get("code")), explanation(error, "message")
    said = str(code) if code >= 0 else str(status)
    response: dict[str, object] = {"status": status, "code": said, "message": message}
    kind = error_class(status, code)
    if error.get("is_transient") is True and code not in ERRORS:
        kind = ServerFailed
    if kind is RateLimited:
        return RateLimited(
            message,
            retry_after=PAUSES.get(code, PAUSE),
            code=said,
            response=response,
            for_recipient=code == PAIR_LIMIT,
        )
    return kind(message, code=said, response=response)


def error_class(status: int, code: int) -> type[ProviderError]:
    """The table first, the HTTP status second: Meta adds codes, and 0 may mean there was none."""
    if code in ERRORS:
        return ERRORS[code]
    by_status = {UNAUTHORIZED: CredentialsRejected, TOO_MANY: RateLimited}
    return ServerFailed if status >= SERVER_ERROR else by_status.get(status, ContentRejected)


def explanation(error: Mapping[str, Any], otherwise: str) -> str:
    return str(mapped(error.get("error_data")).get("details") or error.get(otherwise, ""))


def number(value: Any) -> int:
    """-1 for what is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < TOO_LONG else -1


def template(one: Mapping[str, Any]) -> TemplateText:
    parts = {str(part.get("type", "")).upper(): part for part in listed(one.get("components"))}
    return TemplateText(
        name=str(one.get("name", "")),
        language=str(one.get("language", "")),
        category=str(one.get("category", "")),
        approval=str(one.get("status", "")),
        quality=str(mapped(one.get("quality_score")).get("score", "")),
        body=str(parts.get("BODY", {}).get("text", "")),
    )


# --- webhook payloads ---------------------------------------------------------------------------


def sign(body: bytes, secret: str) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def mapped(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def changes(request: WebhookRequest) -> list[dict[str, Any]]:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise MalformedRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise MalformedRequest("The body is not a JSON object.")
    return [
        change for entry in listed(body.get("entry")) for change in listed(entry.get("changes"))
    ]


def messages(value: dict[str, Any]) -> Iterator[Event]:
    for status in listed(value.get("statuses")):
        if str(status.get("status")) in STATUSES and not str(status.get("id")).startswith(TEST_ID):
            yield status_changed(status)
    names = {
        str(one.get("wa_id") or one.get("user_id")): one for one in listed(value.get("contacts"))
    }
    to = number_id(value)
    for message in listed(value.get("messages")):
        yield received(message, names, to)


def status_changed(status: Mapping[str, Any]) -> StatusChanged:
    kind, point = STATUSES[str(status["status"])]
    call, _, message = str(status.get("biz_opaque_callback_data", "")).partition(" ")
    error = next(iter(listed(status.get("errors"))), {})
    code = number(error.get("code"))
    remedy = error_class(BAD_REQUEST, code) if point is Status.FAILED else None
    return StatusChanged(
        kind=kind,
        status=point,
        provider_id=str(status.get("id", "")),
        call=call,
        message=message,
        occurred_at=moment(status.get("timestamp")),
        code=str(code) if code >= 0 else "",
        detail=explanation(error, "title"),
        remedy=remedy,
        retry_after=PAUSES.get(code, timedelta(0)),
        closes=Reason.OPT_OUT if remedy is OptedOutOfMarketing else None,
    )


def received(message: dict[str, Any], names: dict[str, Any], to: str) -> MessageReceived:
    # Since 2026 a person with a user name may write without showing a number.
    sender = str(message.get("from") or message.get("from_user_id") or "")
    profile = mapped(mapped(names.get(sender)).get("profile"))
    kind = str(message.get("type", ""))
    text = text_of(kind, message)
    return MessageReceived(
        channel="whatsapp",
        provider_id=str(message.get("id", "")),
        sender=as_number(sender),
        sender_name=str(profile.get("name") or profile.get("username") or ""),
        handle=str(message.get("from_user_id") or ""),
        to=(to,),
        subject="",
        text=text,
        media=media_of(kind, message),
        occurred_at=moment(message.get("timestamp")),
        opens_window=kind not in WINDOWLESS,
        wish=wish(text),
    )


def text_of(kind: str, message: dict[str, Any]) -> str:
    """What a person would read; for kinds without words, their name in brackets."""
    value = message.get(kind)
    words = WORDS.get(kind, caption)(value) if isinstance(value, dict) else ""
    return words or f"[{kind or 'unknown'}]"


def caption(value: dict[str, Any]) -> str:
    return str(value.get("caption") or "")


def chosen(value: dict[str, Any]) -> str:
    answer = mapped(value.get(str(value.get("type"))))
    return str(answer.get("title") or "")


def place(value: dict[str, Any]) -> str:
    names = ("name", "address", "latitude", "longitude")
    return " ".join(str(value[name]) for name in names if name in value)


WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": lambda value: str(value.get("body") or ""),
    "button": lambda value: str(value.get("text") or ""),
    "reaction": lambda value: str(value.get("emoji") or ""),
    "interactive": chosen,
    "location": place,
}


def media_of(kind: str, message: dict[str, Any]) -> tuple[Media, ...]:
    """Meta gives an id, which its media endpoint turns into a link that works for minutes."""
    value = message.get(kind)
    if kind not in MEDIA or not isinstance(value, dict):
        return ()
    return (Media(url=str(value.get("id", "")), content_type=str(value.get("mime_type", ""))),)


def as_number(sender: str) -> str:
    """A number as we keep it; whatever else a person may be known by stays as it is."""
    if not (sender.isascii() and sender.isdigit()):
        return sender
    for theirs, ours in SPELLINGS:
        if found := theirs.fullmatch(sender):
            return f"+{found.expand(ours)}"
    return f"+{sender}"


def number_id(value: dict[str, Any]) -> str:
    return str(mapped(value.get("metadata")).get("phone_number_id", ""))


def wish(text: str) -> Wish | None:
    said = text.strip().lower()
    if said in STOP_WORDS:
        return Wish.STOP
    return Wish.START if said in START_WORDS else None


PREFERENCES = {"stop": Wish.STOP, "resume": Wish.START, "signup": Wish.START}


def preferences(value: dict[str, Any]) -> Iterator[Event]:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/user_preferences"""
    for one in listed(value.get("user_preferences")):
        wanted = PREFERENCES.get(str(one.get("value")))
        person = str(one.get("wa_id") or one.get("user_id") or "")
        if wanted is None or not person:
            continue
        yield ConsentChanged(
            channel="whatsapp",
            value=as_number(person),
            to=number_id(value),
            wish=wanted,
            marketing_only=one.get("category", MARKETING) == MARKETING,
            occurred_at=moment(one.get("timestamp")),
            detail=str(one.get("detail", "")),
        )


def template_changed(value: dict[str, Any]) -> Iterator[Event]:
    """https://developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components"""
    yield TemplateChanged(
        name=str(value.get("message_template_name", "")),
        language=str(value.get("message_template_language", "")),
        approval=str(value.get("event") or ""),
        quality=str(value.get("new_quality_score") or ""),
        category=str(value.get("new_category") or ""),
    )


FIELDS: dict[str, Callable[[dict[str, Any]], Iterator[Event]]] = {
    "messages": messages,
    "user_preferences": preferences,
    "message_template_status_update": template_changed,
    "message_template_quality_update": template_changed,
    "template_category_update": template_changed,
}


def moment(value: Any) -> datetime:
    """Unix seconds, as a string or as a number."""
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 12:  # noqa: PLR2004
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.now(UTC)
