"""What a person does about it. Each verb says what became of it, and is written down with who did
it: `Action` is the record that nobody edits."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from textwrap import shorten
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from calendars.models import Account
from calendars.subscriptions import lifecycle
from communications.errors import NotPossible
from communications.messages import staff_actions
from communications.models import Attempt, Message, Organization, WebhookDelivery
from communications.providers import registry
from communications.receiving import deliveries
from communications.vocabulary.statuses import Status
from health.collecting import probes
from health.collecting.outcome_counts import REFUSALS
from health.models import Action, Incident, IncidentEvent, Probe

# One request does no more than this.
MOST = 500
LATELY = timedelta(hours=24)
SENTENCE = 200


@dataclass(frozen=True)
class Actor:
    """`organization` None: for all of them, as platform administrators do."""

    user: Any
    organization: Organization | None

    @property
    def name(self) -> str:
        return str(self.user.get_username())

    def rows(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.organization is None:
            return queryset
        return queryset.filter(organization=self.organization)


def write_down(by: Actor, verb: str, subject: str = "", detail: str = "") -> Action:
    return Action.objects.create(
        at=timezone.now(),
        by=by.user,
        by_name=by.name,
        organization=by.organization,
        verb=verb,
        subject=subject[:120],
        detail=detail,
    )


# --- providers ----------------------------------------------------------------------------------


def pause(by: Actor, provider: str, why: str = "") -> str:
    """Lasts until somebody resumes it: no trial, however good, ends what a person decided."""
    reason = f"Paused by {by.name}: {why}" if why else f"Paused by {by.name}."
    write_down(by, "paused", provider, why)
    registry.breaker(provider).pause(reason, hold=True)
    return f"{provider} is paused."


def resume(by: Actor, provider: str) -> str:
    write_down(by, "resumed", provider)
    registry.breaker(provider).resume()
    return f"{provider} is resumed."


def probe(by: Actor, provider: str) -> str:
    answers = probes.ask_about(provider)
    if not answers:
        raise NotPossible(
            f"{provider} could not be asked: messages need all of its limit just now."
        )
    said = "; ".join(answer(one) for one in answers)
    write_down(by, "probed", provider, said)
    return f"{provider}: {said}."


def resubscribe(by: Actor, vendor: str) -> str:
    """Has a calendar vendor asked anew to announce what changes."""
    count = lifecycle.renew_now(by.rows(Account.objects.filter(vendor=vendor)))
    if not count:
        raise NotPossible("There is no linked account that could be asked just now.")
    accounts = f"{count} account{'' if count == 1 else 's'}"
    write_down(by, "subscribed anew", vendor, accounts)
    return f"Asked to announce changes anew, for {accounts}: that takes a moment."


def answer(probe: Probe) -> str:
    what = probe.get_kind_display().lower()
    return f"{what} answers" if probe.ok else f"{what} failed: {shorten(probe.reason, SENTENCE)}"


# --- messages and webhooks ----------------------------------------------------------------------


def retry(by: Actor, provider: str = "") -> str:
    """Only what failed by a provider's fault: the rest would fail again."""
    done, refused = 0, Counter[str]()
    for message in failed(by, provider)[:MOST]:
        try:
            staff_actions.retry(message, by=by.name)
        except NotPossible as why:
            refused[str(why)] += 1
        else:
            done += 1
    if not done:
        raise NotPossible(
            "There is nothing that failed by a provider’s fault in the last 24 hours."
        )
    write_down(by, "retried", provider, f"{done} messages")
    return f"Waiting to be sent again: {done} message{'' if done == 1 else 's'}."


def failed(by: Actor, provider: str) -> QuerySet[Message]:
    blamed = Attempt.objects.filter(message=OuterRef("pk")).exclude(
        error_class__in=["", *REFUSALS],
    )
    if provider:
        blamed = blamed.filter(provider=provider)
    since = timezone.now() - LATELY
    rows = Message.objects.outbound().filter(status=Status.FAILED, created_at__gte=since)
    return by.rows(rows.filter(Exists(blamed))).order_by("created_at")


def fail_over(by: Actor, provider: str) -> str:
    """What waits for another try through it is tried now, through the first that works."""
    waiting = by.rows(Message.objects.filter(via=provider)).order_by("send_after")
    done = staff_actions.release(waiting[:MOST])
    if not done:
        raise NotPossible(f"Nothing waits for another try through {provider}.")
    write_down(by, "moved on", provider, f"{done} messages")
    return f"Tried now: {done} message{'' if done == 1 else 's'} that waited for {provider}."


def replay(by: Actor) -> str:
    """Deliveries that were given up on, and those that still wait for another try."""
    rows = by.rows(WebhookDelivery.objects.filter(applied_at=None, tries__gt=0))
    results = Counter(deliveries.replay(one) for one in rows.order_by("id")[:MOST])
    if not results:
        raise NotPossible("There is no webhook that could not be applied.")
    detail = f"{results[True]} applied, {results[False]} failed again"
    write_down(by, "replayed", "webhooks", detail)
    return f"Replayed: {detail}."


# --- incidents ----------------------------------------------------------------------------------


@transaction.atomic
def acknowledge(by: Actor, incident: Incident) -> str:
    seen = Incident.objects.filter(pk=incident.pk, acknowledged_at=None, resolved_at=None)
    if not seen.update(acknowledged_at=timezone.now(), acknowledged_by=by.name):
        raise NotPossible("Somebody has seen it already, or it is over.")
    note(by, incident, IncidentEvent.Kind.ACKNOWLEDGED)
    write_down(by, "acknowledged", incident.title)
    return "Noted: you have seen it."


@transaction.atomic
def comment(by: Actor, incident: Incident, text: str) -> str:
    note(by, incident, IncidentEvent.Kind.COMMENT, text)
    write_down(by, "commented", incident.title, text)
    return "Your comment is in the history."


def note(by: Actor, incident: Incident, kind: IncidentEvent.Kind, text: str = "") -> None:
    IncidentEvent.objects.create(
        incident=incident,
        kind=kind,
        by=by.name,
        text=text,
        at=timezone.now(),
    )
