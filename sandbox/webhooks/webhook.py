"""One webhook on its way, and the manners of the provider that posts it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from sandbox.lib.faults import Json
from sandbox.lib.times import iso, now

from .courier import ANSWER_WITHIN, Attempt


@dataclass
class Delivery:
    """One webhook. Its id stays the same over retries, copies and replays."""

    kind: str
    about: str
    body: bytes
    # Whom it concerns, for the reader of the page.
    whom: str = ""
    id: str = field(default_factory=lambda: f"msg_{uuid4().hex}")
    # An address of its own; empty: the provider's endpoint, whichever that is by then.
    target: str = ""
    url: str = ""
    state: str = "queued"
    created_at: str = field(default_factory=lambda: iso(now()))
    attempts: list[Attempt] = field(default_factory=list)
    failures: int = 0
    waits_for_retry: bool = False

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "type": self.kind,
            "about": self.about,
            "whom": self.whom,
            "url": self.url,
            "state": self.state,
            "created_at": self.created_at,
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }


KINDS = (Delivery, Attempt)

# (webhook with its url, timestamp) -> headers
Sign = Callable[[Delivery, int], dict[str, str]]


def always(_delivery: Delivery, _attempt: Attempt) -> bool:
    return True


def as_it_is(delivery: Delivery) -> bytes:
    return delivery.body


@dataclass(frozen=True)
class Manners:
    """How one provider posts: as whom, signed how, and when it tries a failed one again."""

    sign: Sign
    forge: Sign
    headers: Mapping[str, str]
    retry_after: Sequence[float]
    tries_again: Callable[[Delivery, Attempt], bool] = always
    # A forgery differs in what it says where the secret is in the body.
    forged_body: Callable[[Delivery], bytes] = as_it_is
    answer_within: float = ANSWER_WITHIN
