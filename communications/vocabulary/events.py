"""What providers tell us, in our words. Only these and the values below cross their boundary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
    EDITED = "edited", "edited by its writer"
    DELETED = "deleted", "deleted by its writer"
    REACTED = "reacted", "reaction"
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
    """Why an address may not be written to; or that its owner said it may, which closes nothing."""

    BOUNCE = "bounce", "hard bounce"
    COMPLAINT = "complaint", "spam complaint"
    OPT_OUT = "opt_out", "opted out"
    MANUAL = "manual", "closed by staff"
    OPT_IN = "opt_in", "opted in"


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
    # What its sender calls it.
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class TemplateVariable:
    """A place of an approved text that is filled in when it is sent."""

    # What a caller calls it; blank where nobody is asked for it.
    name: str
    # header, body or button.
    part: str
    # text, image, video, document, latitude, longitude, name, address, url, copy_code or flow.
    kind: str
    # Of its button, from 0.
    position: int = 0
    # What the provider calls it; blank where it only counts.
    parameter: str = ""
    # For people: what to write there.
    about: str = ""
    # How many characters it takes.
    limit: int


@dataclass(frozen=True, kw_only=True)
class TemplateValue:
    """A place of an approved text with what is written there."""

    part: str
    kind: str
    value: str = field(default="", repr=False)
    position: int = 0
    parameter: str = ""


@dataclass(frozen=True, kw_only=True)
class TemplateRef:
    """A text the provider approved, with the values for its places."""

    name: str
    language: str
    values: tuple[TemplateValue, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TemplateText:
    """An entry of a provider's catalogue of approved texts, in the provider's own words."""

    name: str
    language: str
    category: str
    approval: str
    quality: str
    body: str
    variables: tuple[TemplateVariable, ...] = ()
    # Why it cannot be sent from here, where it cannot.
    unsendable: str = ""


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
    # Of a mail: the id in its header, by which answers refer to it.
    internet_message_id: str = ""
    # What a failure calls for; None for one that is final without a reason.
    remedy: type[ProviderError] | None = None
    # How long to leave the provider alone, where it was too much for it.
    retry_after: timedelta = timedelta(0)
    # Whether that is about this person only.
    for_recipient: bool = False


@dataclass(frozen=True, kw_only=True)
class MailHeaders:
    """What a mail's headers say about how it belongs to others."""

    internet_message_id: str = ""
    # The ids of the mails before it, the one it answers last.
    references: tuple[str, ...] = ()
    reply_to: str = ""
    # Written by a machine: out of office, a notification, a mail server's report.
    is_automatic: bool = False


@dataclass(frozen=True, kw_only=True)
class MessageReceived:
    """Somebody wrote to us. What the webhook leaves out is fetched later (`fetch_received`)."""

    channel: str = "email"
    # Blank where the vendor gives it no id.
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
    # What a text cannot hold: a place, the fields of a form, an order. JSON with its `kind`.
    content: Mapping[str, Any] = field(default_factory=dict)
    # The provider's id of the message it answers.
    quotes: str = ""
    # WhatsApp's id of the group it was written in; blank where it was written to us alone.
    group: str = ""
    mail: MailHeaders = MailHeaders()
    complete: bool = True
    # Whether free text may be answered for a day (WhatsApp).
    opens_service_window: bool = False
    # What the vendor itself makes of it, by rules of its own.
    keyword: ConsentKeyword | None = None
    # What stands on the button of a template that was pressed, and what it was given to say.
    template_button: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MessageEchoed:
    """Somebody of ours wrote with the vendor's own app: `message` with its two ends as they are.

    `message.sender` is our number, `message.handle` the recipient's.
    """

    message: MessageReceived
    # Our identity, as the vendor calls it where messages come in.
    identity: str


@dataclass(frozen=True, kw_only=True)
class MessageEdited:
    """Whoever wrote a message wrote it anew. `message` is the whole of it as it is now."""

    message: MessageReceived
    # The provider's id of the message as it was first.
    original: str
    # With the vendor's own app, by somebody of ours.
    is_echo: bool = False


@dataclass(frozen=True, kw_only=True)
class MessageDeleted:
    """Whoever wrote a message took it back."""

    channel: str
    original: str
    # Our identity that it was written to, or as.
    to: str
    occurred_at: datetime
    # With the vendor's own app, by somebody of ours.
    is_echo: bool = False


@dataclass(frozen=True, kw_only=True)
class ReactionChanged:
    """Somebody answered a message with an emoji, or took it back: blank."""

    # As a message of its own, for what was reacted to is not known here.
    message: MessageReceived
    original: str
    emoji: str
    # With the vendor's own app, by somebody of ours.
    is_echo: bool = False


@dataclass(frozen=True, kw_only=True)
class ContactMoved:
    """A person has another number, or another id, since. Blank: not said."""

    channel: str
    to: str
    old_value: str = ""
    new_value: str = ""
    old_handle: str = ""
    new_handle: str = ""


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


Event = (
    TemplateChanged
    | ConsentChanged
    | StatusChanged
    | MessageReceived
    | MessageEchoed
    | MessageEdited
    | MessageDeleted
    | ReactionChanged
    | ContactMoved
    | AddressClosed
)


@dataclass(frozen=True, kw_only=True)
class File:
    filename: str
    content_type: str
    content: bytes = field(repr=False)
    # By which the text of a mail shows it, as “cid:…”; blank for one beside the text.
    content_id: str = ""


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
