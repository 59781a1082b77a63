"""Questions to providers that send nothing and cost nothing, asked now and then.

A failed one is not yet an outage: the rules judge it together with real traffic.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from calendars.linking import accounts as linking
from calendars.models import Account
from communications.providers import registry
from communications.providers.base import ProbeResult
from communications.receiving import self_test
from health.models import Probe
from wedsync_comms.lib.errors import (
    CredentialsRejected,
    PermanentError,
    ProviderError,
    RateLimited,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.text import sanitise

log = structlog.get_logger(__name__)

MAX_REASON_CHARACTERS = 500
HTTP_OK = 200
# Under this name the address is kept that all calendar vendors push to.
CALENDAR = "calendar"
# Of a vendor's accounts, one of so many is asked.
CANDIDATES = 50


class ProbeSkipped(Exception):
    """Not now, or not at all: nothing is known that was not known before."""


@dataclass(frozen=True)
class ProbeQuestion:
    kind: Probe.Kind
    subject: str
    # Raises ProviderError or NotProcessed, and Unasked.
    ask: Callable[[], ProbeResult]
    organization: int | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeAnswer:
    ok: bool
    reason: str = ""
    error_class: str = ""
    is_warning: bool = False
    facts: dict[str, str]


def provider_questions() -> Iterator[ProbeQuestion]:
    for slug in settings.PROVIDERS:
        yield ProbeQuestion(Probe.Kind.ACCOUNT, slug, partial(probe_provider, slug))


def probe_provider(slug: str) -> ProbeResult:
    # A place in the provider's rate like any other; when messages need all of it, they tell more.
    if not registry.bucket_for(slug).wait_for_slot():
        raise ProbeSkipped
    try:
        return registry.provider_for(slug).probe()
    except LookupError as error:
        raise ProbeSkipped from error


def endpoint_questions() -> Iterator[ProbeQuestion]:
    """One for each address: several providers may share it."""
    first = {registry.provider_for(slug).webhook: slug for slug in reversed(settings.PROVIDERS)}
    for webhook, slug in first.items():
        if webhook:
            yield ProbeQuestion(Probe.Kind.ENDPOINT, webhook, partial(probe_own_webhook, slug))


def probe_own_webhook(slug: str) -> ProbeResult:
    try:
        self_test.post_sample(slug, registry.provider_for(slug).sample_event)
    except LookupError as error:
        raise ProbeSkipped from error
    return ProbeResult()


def vendor_questions() -> Iterator[ProbeQuestion]:
    for slug in settings.CALENDARS:
        yield ProbeQuestion(Probe.Kind.ACCOUNT, slug, partial(probe_calendar_vendor, slug))


def probe_calendar_vendor(slug: str) -> ProbeResult:
    """One of its accounts is asked for its calendars, whichever it is: those that fail are left in
    peace, and what is wrong with this one stands in its own row."""
    usable = [
        account
        for account in workable_accounts(slug)
        if linking.allows_purpose(account, "calendars")
    ]
    if not usable:
        raise ProbeSkipped
    try:
        with linking.open_mailbox(random.choice(usable)) as box:  # noqa: S311 (not a secret)
            box.calendars()
    except (PermanentError, CredentialsRejected, RateLimited) as error:
        # It answers: the account is to blame.
        raise ProbeSkipped from error
    return ProbeResult()


def calendar_endpoint_questions() -> Iterator[ProbeQuestion]:
    if settings.CALENDARS:
        yield ProbeQuestion(Probe.Kind.ENDPOINT, CALENDAR, probe_calendar_webhook)


def probe_calendar_webhook() -> ProbeResult:
    """As Graph does before it sends anything: what it hands over must come back."""
    token = secrets.token_urlsafe(16)
    url, headers = self_test.way_to_ourselves(settings.PUBLIC_URL + reverse("webhook-calendar"))
    try:
        answer = Client().request(
            "post", f"{url}?validationToken={token}", headers=headers, data=b""
        )
    except ProviderError as error:
        raise self_test.NotProcessed(f"{url} does not answer: {error}") from error
    if answer.status != HTTP_OK or answer.content != token.encode():
        raise self_test.NotProcessed(f"{url} answered {answer.status}, and not as we do.")
    return ProbeResult()


def workable_accounts(slug: str) -> list[Account]:
    return list(Account.objects.workable(timezone.now()).filter(vendor=slug)[:CANDIDATES])


# Whatever else can be asked is one more function here.
QUESTION_SOURCES: tuple[Callable[[], Iterator[ProbeQuestion]], ...] = (
    provider_questions,
    endpoint_questions,
    vendor_questions,
    calendar_endpoint_questions,
)


def run_all_probes() -> int:
    """Returns how many were answered, well or badly."""
    return sum(run_probe(question) is not None for question in all_questions())


def run_probes_of(subject: str) -> list[Probe]:
    """Now, because somebody wants to know."""
    wanted = [
        question
        for question in all_questions()
        if question.subject in {subject, endpoint_subject(subject)}
    ]
    return [probe for question in wanted if (probe := run_probe(question)) is not None]


def endpoint_subject(subject: str) -> str:
    """The name of the address behind it."""
    if subject in settings.CALENDARS:
        return CALENDAR
    return registry.provider_for(subject).webhook if subject in settings.PROVIDERS else subject


def all_questions() -> Iterator[ProbeQuestion]:
    for source in QUESTION_SOURCES:
        yield from source()


def run_probe(question: ProbeQuestion) -> Probe | None:
    began = time.perf_counter()
    try:
        answer = probe_answer(question)
    except ProbeSkipped:
        return None
    took = round(1000 * (time.perf_counter() - began), 1)
    log.info("probe", kind=question.kind, subject=question.subject, ok=answer.ok, ms=took)
    return store_probe(question, answer, took)


def probe_answer(question: ProbeQuestion) -> ProbeAnswer:
    try:
        found = question.ask()
    except (ProviderError, self_test.NotProcessed) as error:
        return ProbeAnswer(ok=False, reason=str(error), error_class=type(error).__name__, facts={})
    facts = {name: sanitise(value) for name, value in found.facts.items()}
    said = found.warning or found.note
    return ProbeAnswer(ok=True, reason=said, is_warning=bool(found.warning), facts=facts)


def store_probe(question: ProbeQuestion, answer: ProbeAnswer, took: float) -> Probe:
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
            "reason": sanitise(answer.reason)[:MAX_REASON_CHARACTERS],
            "error_class": answer.error_class,
            "facts": answer.facts or (before.facts if before else {}),
            "checked_at": timezone.now(),
        },
    )
    return probe
