"""The contract between us and one account at one vendor."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from communications.vocabulary.events import (
    Event,
    MessageReceived,
    Outbound,
    StatusChanged,
    TemplateText,
)
from wedsync_comms.lib.errors import MalformedRequest, ProviderError
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.web.webhook_request import WebhookRequest


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The provider took it. `response` is its redacted answer."""

    provider_id: str
    response: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to one call: a result per outbound, in their order."""

    results: Sequence[Accepted | ProviderError]
    # The rate the provider says it permits, where it says so.
    per_second: float | None = None


@dataclass(frozen=True)
class Acknowledgement:
    """What the vendor wants to hear once its webhook is stored."""

    content_type: str
    body: str


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What an account says about itself. `warning` is a sentence, where it works and will soon
    not; `note` is one about what it is not for; `facts` are for people."""

    warning: str = ""
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Provider(ABC):
    """Takes options and talks HTTP. Knows no models and no settings; safe to use from threads."""

    # What people call the vendor, within a sentence.
    label: ClassVar[str]
    channel: ClassVar[str]
    # The path segment its webhooks come to; several providers of one account share it.
    webhook: ClassVar[str]
    acknowledgement: ClassVar[Acknowledgement] = Acknowledgement(
        "application/json",
        '{"status": "stored"}',
    )
    # How many messages one call may carry.
    batch_limit: ClassVar[int] = 1
    # Whether a call repeated with the same key and the same bytes is carried out once.
    idempotent: ClassVar[bool] = False
    # What it permits until it says otherwise.
    rate: Rate
    # Whether the vendor asks, with a GET, whether an address is ours.
    has_handshake: ClassVar[bool] = False
    # Whether it reports what became of a message. If not, "sent" is its last word.
    has_receipts: ClassVar[bool] = True
    # Whether `find_by_content` can be asked for a message whose answer was lost.
    finds_by_content: ClassVar[bool] = False
    # An event for `sample` that tells our endpoint works; blank if it posts none.
    sample_event: ClassVar[str] = ""
    # What it permits for one recipient, where that is less.
    pair_rate: ClassVar[Rate | None] = None
    # What people who answer for consent have to know of the list that the vendor keeps of its own;
    # blank: it keeps none.
    own_list: ClassVar[str] = ""
    # The same, where it is so rarely reached that it is kept to only after a refusal.
    pair_rate_once_refused: ClassVar[Rate | None] = None
    # Whether the vendor picks the sender from a pool of its own.
    uses_sender_pool: bool = False
    # The identity it writes as, unless an organization has one of its own.
    sender: str

    @property
    @abstractmethod
    def takes_webhooks(self) -> bool:
        """Whether there is a secret to verify webhooks with."""

    def misconfiguration(self) -> str:
        """Returns why the options cannot work, as far as is known without asking anybody; blank if
        they may."""
        return ""

    def can_send_as(self, sender: str) -> bool:  # noqa: ARG002
        """Whether this is a sender of the kind that the provider knows."""
        return True

    def inability(self, *, to: str, template: str) -> str:  # noqa: ARG002
        """Returns, as a clause, why the provider can never send such a message; blank if it can.

        `template` names the approved text that it is sent as; blank for free text.
        """
        return ""

    def narrowed(
        self,
        kind: type[ProviderError],
        code: str,  # noqa: ARG002
        sender: str,  # noqa: ARG002
    ) -> type[ProviderError]:
        """Returns what a refusal calls for, given who wrote: what looks like a refusal of the
        account may be one of this sender's."""
        return kind

    @abstractmethod
    def send(self, outbounds: Sequence[Outbound], *, key: str) -> Reply:
        """Raises a ProviderError that all outbounds share; single ones are in the reply."""

    @abstractmethod
    def verify(self, request: WebhookRequest) -> str:
        """Returns the event's id, which is the same when it is delivered again.

        Raises InvalidSignature or MalformedRequest.
        """

    @abstractmethod
    def event_type(self, request: WebhookRequest) -> str:
        """Returns the vendor's word for what a verified request is about.

        Raises MalformedRequest.
        """

    @abstractmethod
    def parse(self, request: WebhookRequest) -> Iterator[Event]:
        """Returns the events in a verified request; unknown ones are none.

        Raises MalformedRequest.
        """

    def handshake(self, request: WebhookRequest) -> str:  # noqa: ARG002
        """Returns what a vendor with a handshake wants to hear.

        Raises InvalidSignature or MalformedRequest.
        """
        raise MalformedRequest("Nothing is to be had here with a GET.")

    def find_by_content(self, outbound: Outbound, since: datetime) -> list[str]:  # noqa: ARG002
        """Returns the provider's ids of what may be the message whose answer was lost.

        There are none if it surely does not have it. Raises LookupError where it cannot be asked,
        and ProviderError.
        """
        raise LookupError("It cannot be asked by anything but its own id.")

    def find_batch_by_content(
        self,
        outbounds: Sequence[Outbound],
        since: datetime,
        turn_page: Callable[[], None],  # noqa: ARG002
    ) -> list[list[str]]:
        """Returns what `find_by_content` does for each message of one call, and raises the same.

        Calls `turn_page` before each request after the first, which waits for a slot in the rate
        limit, and may raise what is to stop the asking.
        """
        return [self.find_by_content(outbound, since) for outbound in outbounds]

    def fetch_templates(self) -> Iterator[TemplateText]:
        """Returns the provider's catalogue of approved texts. Raises ProviderError."""
        return iter(())

    @abstractmethod
    def probe(self) -> ProbeResult:
        """Asks whether the account works, with a question that sends nothing and costs nothing.

        Raises ProviderError, and LookupError where there is no such question.
        """

    @abstractmethod
    def fetch_status(self, provider_id: str) -> StatusChanged | None:
        """Asks where a message stands. Raises ProviderError."""

    @abstractmethod
    def fetch_received(self, provider_id: str) -> MessageReceived:
        """Returns the whole of a message that a webhook only announced. Raises ProviderError."""

    @abstractmethod
    def sample(self, event: str) -> WebhookRequest:
        """Returns a signed webhook as the vendor would post it, to try an endpoint with.

        `url` is left empty. Raises LookupError for an event it does not know.
        """
