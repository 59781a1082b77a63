"""What the tests of the channels do: send what is due, let time pass, hear what providers say."""

import itertools
import json
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from communications.book import contacts
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.models import (
    Address,
    Attempt,
    Call,
    Contact,
    Event,
    Message,
    Organization,
    SenderStanding,
    Template,
)
from communications.providers import registry
from communications.receiving import deliveries
from communications.sending import (
    claims,
    reconciliation,
)
from tests.communications.engine.mailing import send
from tests.communications.providers import signing
from tests.communications.providers.whatsapp_account import change
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer
from wedsync_comms.lib import shared_state

Json = dict[str, Any]

TWILIO_URL, META_URL = (
    f"/api/webhooks/communications/{vendor}" for vendor in ("twilio", "whatsapp")
)
OURS, NUMBER = "+15550100100", "106540352242922"
SID, TOKEN, SECRET = "AC" + "5a" * 16, "twilio_sandbox", "whatsapp_app_secret"
numbers = itertools.count(1)


def twilio_account(url: str, **options: Any) -> Json:
    usual = {
        "account_sid": SID,
        "auth_tokens": [TOKEN],
        "sender": OURS,
        "callback_url": f"http://testserver{TWILIO_URL}",
        "api_url": f"{url}/twilio",
        "rate_per_second": 100_000.0,
    }
    backend = "communications.providers.twilio.Twilio"
    return {"BACKEND": backend, "OPTIONS": {**usual, **options}}


def whatsapp_account(url: str, **options: Any) -> Json:
    usual = {
        "access_token": "whatsapp_sandbox",
        "phone_number_id": NUMBER,
        "business_account_id": "102290129340398",
        "app_secrets": [SECRET],
        "verify_token": "whatsapp_verify",
        "api_url": f"{url}/graph",
        "rate_per_second": 100_000.0,
    }
    backend = "communications.providers.whatsapp.WhatsApp"
    return {"BACKEND": backend, "OPTIONS": {**usual, **options}}


MAIL = {
    "BACKEND": "communications.providers.django_mail.DjangoMail",
    "OPTIONS": {
        "backend": "django.core.mail.backends.locmem.EmailBackend",
        "sender": "Ever After <hello@everafter.example>",
        "rate_per_second": 100_000.0,
    },
}


class Phones:
    def __init__(self, sandbox: SandboxServer, settings: Settings) -> None:
        self.sandbox, self.settings = sandbox, settings
        self.hung: list[str] = []

    # --- sending --------------------------------------------------------------------------------

    def send_due(self) -> None:
        """Claims and sends until nothing is due, as a dispatcher would."""
        for _ in range(50):
            for channel in registry.routed_channels():
                self.send_one(channel)
            if not any(self.is_due(channel) for channel in registry.routed_channels()):
                return
        raise AssertionError("There was always something left to send.")

    def is_due(self, channel: str) -> bool:
        usable = self.usable(channel)
        due = Message.objects.due(timezone.now()).filter(leg_channel=channel)
        return bool(usable) and due.exists()

    def usable(self, channel: str) -> list[str]:
        return [
            slug
            for slug in registry.route_slugs(channel)
            if registry.breaker_for(slug).state().state != "open"
        ]

    def send_one(self, channel: str) -> None:
        usable = self.usable(channel)
        for call in Call.objects.due(timezone.now()).filter(provider__in=usable):
            if claimed := claims.claim_repeat(call.pk):
                send(claimed)
        for slug in usable:
            for claimed in claims.claim_due(channel, slug, usable=usable, limit=1):
                send(claimed)

    def send(self, message: Message) -> Message:
        self.send_due()
        message.refresh_from_db()
        return message

    def pass_time(self, **span: float) -> None:
        """What was planned is due, what happened is longer ago, and nobody wants patience."""
        gone = timedelta(**(span or {"hours": 1}))
        Message.objects.waiting().update(send_after=timezone.now() - timedelta(seconds=1))
        Message.objects.exclude(escalate_at=None).update(escalate_at=F("escalate_at") - gone)
        Call.objects.exclude(repeat_after=None).update(repeat_after=F("repeat_after") - gone)
        Attempt.objects.update(started_at=F("started_at") - gone)
        Address.objects.exclude(window_opened_at=None).update(
            window_opened_at=F("window_opened_at") - gone,
        )
        SenderStanding.objects.closed().update(retry_at=F("retry_at") - gone)
        for slug in self.settings.PROVIDERS:
            shared_state.update_state(f"limit:{slug}", lambda _state, _now: ({}, None))

    def settle(self, message: Message, *, rounds: int = 12, **span: float) -> Message:
        """Lets time pass until nothing is left to do."""
        for _ in range(rounds):
            self.pass_time(**(span or {"minutes": 2}))
            reconciliation.resolve_unknown()
            self.send_due()
        message.refresh_from_db()
        return message

    # --- faults ---------------------------------------------------------------------------------

    def breaks(self, provider: str, fault: str, /, **options: Any) -> None:
        """Of sending; asking still works."""
        path = {"twilio": "POST /2010", "whatsapp": "POST /v23.0"}[provider]
        body = {fault: {"only": [path], **options}}
        if fault == "hang":
            self.hung.append(provider)
        self.sandbox.control("PATCH", f"/{provider}/faults", body)

    def rest(self) -> None:
        """A request that hangs goes on hanging: the next test's faults would strike it."""
        for slug in self.hung:
            eventually(partial(self.has_hung, slug))

    def has_hung(self, provider: str) -> bool:
        found = self.sandbox.control("GET", f"/{provider}/requests?limit=1000")["requests"]
        return any("hang" in request["faults"] for request in found)

    def impatient(self, slug: str) -> None:
        """One second for an answer instead of ten."""
        http: Any = registry.provider_for(slug)
        client = http.http.client if slug.startswith("twilio") else http.http
        client._timeout = (3.0, 1.0)

    # --- looking --------------------------------------------------------------------------------

    def copies(self, message: Message) -> list[Json]:
        """What the providers have taken of it, by our own id."""
        listed = self.sandbox.control("GET", "/whatsapp/messages?limit=1000")["messages"]
        tagged = f"/twilio/messages?limit=1000&tag=message:{message.pk}"
        return [
            *self.sandbox.control("GET", tagged)["messages"],
            *(
                item
                for item in listed
                if item["biz_opaque_callback_data"].endswith(str(message.pk))
            ),
        ]

    # --- hearing --------------------------------------------------------------------------------

    def twilio_says(self, attempt: Attempt, status: str, code: str = "", **fields: str) -> None:
        """A status callback, to the address that went out with the message."""
        query = urlencode({"call": attempt.call_id, "message": attempt.message_id})
        form = {
            "MessageSid": attempt.provider_id or f"SM{next(numbers):032}",
            "MessageStatus": status,
            **({"ErrorCode": code} if code else {}),
            **fields,
        }
        post_twilio(f"{TWILIO_URL}?{query}", form)
        deliveries.apply_due()

    def twilio_receives(self, text: str, *, sender: str, to: str = OURS, **fields: str) -> None:
        form = {"MessageSid": f"SM{next(numbers):032}", "SmsStatus": "received", "NumMedia": "0"}
        post_twilio(TWILIO_URL, {**form, "From": sender, "To": to, "Body": text, **fields})
        deliveries.apply_due()

    def meta_says(self, attempt: Attempt, status: str, code: int = 0, **more: Any) -> None:
        entry = {
            "id": attempt.provider_id or f"wamid.{next(numbers)}",
            "status": status,
            "timestamp": str(int(timezone.now().timestamp())),
            "biz_opaque_callback_data": f"{attempt.call_id} {attempt.message_id}",
            **({"errors": [{"code": code, "title": "No"}]} if code else {}),
            **more,
        }
        self.meta_posts("messages", statuses=[entry])

    def meta_receives(self, text: str, *, sender: str, to: str = NUMBER, **more: Any) -> None:
        entry = {
            "id": f"wamid.{next(numbers)}",
            "from": sender.removeprefix("+"),
            "timestamp": str(int(timezone.now().timestamp())),
            "type": "text",
            "text": {"body": text},
            **more,
        }
        self.meta_posts("messages", messages=[entry], metadata={"phone_number_id": to})

    def meta_posts(self, field: str, **value: Any) -> None:
        body = json.dumps(change(field, **value)).encode()
        answer = post(META_URL, body, "application/json", signing.meta(body, SECRET))
        assert answer.status_code == 200, answer.content
        deliveries.apply_due()


def post(url: str, body: bytes, content_type: str, headers: dict[str, str]) -> Any:
    client = Client(enforce_csrf_checks=True)
    return client.generic("POST", url, body, content_type=content_type, headers=headers)


def post_twilio(url: str, form: dict[str, str]) -> None:
    signature = signing.twilio(f"http://testserver{url}", list(form.items()), TOKEN)
    headers = {
        "x-twilio-signature": signature,
        "i-twilio-idempotency-token": f"token-{next(numbers)}",
    }
    body = urlencode(form).encode()
    answer = post(url, body, "application/x-www-form-urlencoded", headers)
    assert (answer.status_code, answer.content) == (200, b"<Response/>")


# --- people and messages ------------------------------------------------------------------------


def guest(of: Organization, *, window: bool = True) -> Contact:
    """Somebody with one number for both, an e-mail address, and an open window."""
    # Ofcom keeps a thousand of them for fiction.
    number = f"+447700{900_000 + next(numbers) % 1_000}"
    email = f"guest-{next(numbers)}@example.com"
    addresses = [("sms", number), ("whatsapp", number), ("email", email)]
    contact = contacts.create_contact(of, name="Amelia Hart", addresses=addresses)
    if window:
        open_window(contact)
    return contact


def open_window(contact: Contact) -> None:
    contact.addresses.filter(channel="whatsapp").update(window_opened_at=timezone.now())


def number_of(contact: Contact) -> str:
    return contact.addresses.get(channel="sms").value


def write(contact: Contact, channel: str, **fields: Any) -> Message:
    """Composed, and waiting in the outbox."""
    usual = {"channel": channel, "contact": contact.pk, "body": "See you soon.", "subject": "Hi"}
    draft = Draft(**{**usual, **fields})
    return compose_message(contact.organization, draft).message


def template(of: Organization, name: str = "wedding_update", **columns: Any) -> Template:
    usual = {
        "channel": "whatsapp",
        "language": "en_US",
        "category": "UTILITY",
        "approval": "APPROVED",
        "body": "Hello {{1}}, there is news about {{2}}.",
    }
    return Template.objects.create(organization=of, name=name, **{**usual, **columns})


VALUES = {"1": "Amelia", "2": "your day"}


def attempts(message: Message) -> list[Attempt]:
    return list(message.attempts.all())


def last(message: Message) -> Attempt:
    return attempts(message)[-1]


def statuses(message: Message) -> list[str]:
    return [attempt.status for attempt in attempts(message)]


def status(message: Message) -> str:
    message.refresh_from_db()
    return message.status


def timeline(message: Message) -> list[str]:
    return list(Event.objects.filter(message=message).values_list("kind", flat=True))


def explanations(message: Message) -> str:
    return "\n".join(Event.objects.filter(message=message).values_list("detail", flat=True))
