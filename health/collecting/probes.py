"""Questions to providers that send nothing and cost nothing, asked now and then.

A failed one is not yet an outage: the rules judge it together with real traffic.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from calendars.linking import accounts as linking
from calendars.models import Account
from communications.providers import registry
from communications.providers.base import Probed
from communications.receiving import self_test
from health.models import Probe
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    PermanentError,
    ProviderError,
    RateLimited,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.text import storable

log = structlog.get_logger(__name__)

REASON = 500
OK = 200
# Under this name the address is kept that all calendar vendors push to.
CALENDAR = "calendar"
# Of a vendor's accounts, one of so many is asked.
CANDIDATES = 50


class Unasked(Exception):
    """Not now, or not at all: nothing is known that was not known before."""


@dataclass(frozen=True)
class Question:
    kind: Probe.Kind
    subject: str
    # Raises ProviderError or NotProcessed, and Unasked.
    ask: Callable[[], Probed]
    organization: int | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    ok: bool
    reason: str = ""
    error_class: str = ""
    is_warning: bool = False
    facts: dict[str, str]


def accounts() -> Iterator[Question]:
    for slug in settings.PROVIDERS:
        yield Question(Probe.Kind.ACCOUNT, slug, lambda slug=slug: account(slug))  # type: ignore[misc]


def account(slug: str) -> Probed:
    # A place in the provider's rate like any other; when messages need all of it, they tell more.
    if not registry.bucket(slug).wait():
        raise Unasked
    try:
        return registry.provider(slug).probe()
    except LookupError as error:
        raise Unasked from error


def endpoints() -> Iterator[Question]:
    """One for each address: several providers may share it."""
    first = {registry.provider(slug).webhook: slug for slug in reversed(settings.PROVIDERS)}
    for webhook, slug in first.items():
        if webhook:
            yield Question(Probe.Kind.ENDPOINT, webhook, lambda slug=slug: own_address(slug))  # type: ignore[misc]


def own_address(slug: str) -> Probed:
    try:
        self_test.try_out(slug, registry.provider(slug).sample_event)
    except LookupError as error:
        raise Unasked from error
    return Probed()


def vendors() -> Iterator[Question]:
    for slug in settings.CALENDARS:
        yield Question(Probe.Kind.ACCOUNT, slug, lambda slug=slug: vendor(slug))  # type: ignore[misc]


def vendor(slug: str) -> Probed:
    """One of its accounts is asked for its calendars, whichever it is: those that fail are left in
    peace, and what is wrong with this one stands in its own row."""
    usable = [one for one in workable(slug) if linking.allows_purpose(one, "calendars")]
    if not usable:
        raise Unasked
    try:
        with linking.open_mailbox(random.choice(usable)) as box:  # noqa: S311 (not a secret)
            box.calendars()
    except (PermanentError, CredentialsRejected, RateLimited) as error:
        # It answers: the account is to blame.
        raise Unasked from error
    return Probed()


def calendar_endpoint() -> Iterator[Question]:
    if settings.CALENDARS:
        yield Question(Probe.Kind.ENDPOINT, CALENDAR, calendar_address)


def calendar_address() -> Probed:
    """As Graph does before it sends anything: what it hands over must come back."""
    url, token = settings.PUBLIC_URL + reverse("webhook-calendar"), secrets.token_urlsafe(16)
    try:
        answer = Client().request("post", f"{url}?validationToken={token}", headers={}, data=b"")
    except ProviderError as error:
        raise self_test.NotProcessed(f"{url} does not answer: {error}") from error
    if answer.status != OK or answer.content != token.encode():
        raise self_test.NotProcessed(f"{url} answered {answer.status}, and not as we do.")
    return Probed()


def workable(slug: str) -> list[Account]:
    return list(Account.objects.workable(timezone.now()).filter(vendor=slug)[:CANDIDATES])


# Whatever else can be asked is one more function here.
SOURCES: tuple[Callable[[], Iterator[Question]], ...] = (
    accounts,
    endpoints,
    vendors,
    calendar_endpoint,
)


def ask_all() -> int:
    """Returns how many were answered, well or badly."""
    return sum(ask(one) is not None for one in questions())


def ask_about(subject: str) -> list[Probe]:
    """Now, because somebody wants to know."""
    wanted = [one for one in questions() if one.subject in {subject, webhook(subject)}]
    return [probe for one in wanted if (probe := ask(one)) is not None]


def webhook(subject: str) -> str:
    """The name of the address behind it."""
    if subject in settings.CALENDARS:
        return CALENDAR
    return registry.provider(subject).webhook if subject in settings.PROVIDERS else subject


def questions() -> Iterator[Question]:
    for source in SOURCES:
        yield from source()


def ask(question: Question) -> Probe | None:
    began = time.perf_counter()
    try:
        answer = answered(question)
    except Unasked:
        return None
    took = round(1000 * (time.perf_counter() - began), 1)
    log.info("probe", kind=question.kind, subject=question.subject, ok=answer.ok, ms=took)
    return keep(question, answer, took)


def answered(question: Question) -> Answer:
    try:
        found = question.ask()
    except (ProviderError, self_test.NotProcessed) as error:
        return Answer(ok=False, reason=str(error), error_class=type(error).__name__, facts={})
    facts = {name: storable(value) for name, value in found.facts.items()}
    return Answer(ok=True, reason=found.warning, is_warning=bool(found.warning), facts=facts)


def keep(question: Question, answer: Answer, took: float) -> Probe:
    before = Probe.objects.filter(kind=question.kind, subject=question.subject).first()
    same = before is not None and before.ok == answer.ok
    probe, _ = Probe.objects.update_or_create(
        kind=question.kind,
        subject=question.subject,
        defaults={
            "organization_id": question.organization,
            "ok": answer.ok,
            "is_warning": answer.is_warning,
            "streak": before.streak + 1 if before and same else 1,
            "latency_ms": took,
            "reason": storable(answer.reason)[:REASON],
            "error_class": answer.error_class,
            "facts": answer.facts or (before.facts if before else {}),
            "checked_at": timezone.now(),
        },
    )
    return probe
