"""What providers tell us, in our words. Only these and the values below cross their boundary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import TextChoices

from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import ProviderError


class Kind(TextChoices):
    """What happened. Those of the first group come from providers, the others are ours."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    READ = "read"
    RECEIVED = "received"
    OTHER = "other"

    COMPOSED = "composed"
    ATTEMPTED = "attempted"
    UNANSWERED = "unanswered"
    RETRY = "retry"
    HELD = "held", "waits"
    FAILOVER = "failover"
    GIVEN_UP = "given_up", "given up"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RETRIED = "retried", "retried by staff"


class Source(TextChoices):
    RESPONSE = "response"
    WEBHOOK = "webhook"
    POLL = "poll"
    SYSTEM = "system"


class Reason(TextChoices):
    """Why an address may not be written to."""

    BOUNCE = "bounce", "hard bounce"
    COMPLAINT = "complaint", "spam complaint"
    OPT_OUT = "opt_out", "opted out"
    MANUAL = "manual", "closed by staff"


class ConsentKeyword(TextChoices):
    """What a person asked for about being written to."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, kw_only=True)
class Media:
    """A picture or a document by its address (or, inbound from Meta, by its id)."""

    url: str
    content_type: str = ""


@dataclass(frozen=True, kw_only=True)
class TemplateRef:
    """A text the provider approved, with the values for its places."""

    name: str
    language: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateText:
    """An entry of a provider's catalogue of approved texts, in the provider's own words."""

    name: str
    language: str
    category: str
    approval: str
    quality: str
    body: str


@dataclass(frozen=True, kw_only=True)
class StatusChanged:
    """A receipt. `status` is None where it says nothing about delivery (an open, a delay)."""

    kind: Kind
    status: Status | None
    # Theirs, for the message; ours, echoed back, finds it where theirs is not known yet.
    provider_id: str
    call: str = ""
    message: str = ""
    occurred_at: datetime
    code: str = ""
    detail: str = ""
    # The address must not be written to again.
    closes: Reason | None = None
    # What a failure calls for; None for one that is final without a reason.
    remedy: type[ProviderError] | None = None
    # How long to leave the provider alone, where it was too much for it.
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class MessageReceived:
    """Somebody wrote to us. What the webhook leaves out is fetched later (`fetch_received`)."""

    channel: str = "email"
    provider_id: str
    sender: str
    sender_name: str = ""
    # WhatsApp's id of the person for our business, also of one who hides the number.
    handle: str = ""
    to: tuple[str, ...]
    subject: str
    occurred_at: datetime
    text: str = ""
    html: str = ""
    media: tuple[Media, ...] = ()
    complete: bool = True
    # Whether free text may be answered for a day (WhatsApp).
    opens_service_window: bool = False
    # What the vendor itself makes of it, by rules of its own.
    keyword: ConsentKeyword | None = None
    # What stands on the button of a template that was pressed, and what it was given to say.
    template_button: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AddressClosed:
    """The provider's account will not write to this address, whoever asks."""

    value: str
    reason: Reason
    occurred_at: datetime
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class ConsentChanged:
    """Somebody told the provider whether one of our senders may write to them."""

    channel: str
    value: str
    # The sender they mean.
    to: str
    keyword: ConsentKeyword
    marketing_only: bool = False
    occurred_at: datetime
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class TemplateChanged:
    """The provider judged one of its approved texts anew. Blank: nothing new about that."""

    name: str
    language: str
    approval: str = ""
    quality: str = ""
    category: str = ""


Event = TemplateChanged | ConsentChanged | StatusChanged | MessageReceived | AddressClosed


@dataclass(frozen=True, kw_only=True)
class File:
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """A message on its way out. Equal values make equal bytes: a repeated call must not differ."""

    message: str
    call: str
    sender: str
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[File, ...] = ()
    media: tuple[Media, ...] = ()
    template: TemplateRef | None = None
    # Of no use to the recipient later than this.
    expires_at: datetime | None = None
