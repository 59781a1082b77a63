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
MAX_ROWS_PER_ACTION = 500
RETRYABLE_FOR = timedelta(hours=24)
MAX_SENTENCE = 200


@dataclass(frozen=True)
class StaffActor:
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


def record_action(by: StaffActor, verb: str, subject: str = "", detail: str = "") -> Action:
    """Writes down who did what."""
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


def pause_provider(by: StaffActor, provider: str, why: str = "") -> str:
    """Lasts until somebody resumes it: no trial, however good, ends what a person decided."""
    reason = f"Paused by {by.name}: {why}" if why else f"Paused by {by.name}."
    record_action(by, "paused", provider, why)
    registry.breaker_for(provider).pause(reason, hold=True)
    return f"{provider} is paused."


def resume_provider(by: StaffActor, provider: str) -> str:
    record_action(by, "resumed", provider)
    registry.breaker_for(provider).resume()
    return f"{provider} is resumed."


def probe_now(by: StaffActor, provider: str) -> str:
    answers = probes.run_probes_of(provider)
    if not answers:
        raise NotPossible(
            f"{provider} could not be asked: messages need all of its limit just now."
        )
    said = "; ".join(probe_sentence(answered) for answered in answers)
    record_action(by, "probed", provider, said)
    return f"{provider}: {said}."


def resubscribe_calendars(by: StaffActor, vendor: str) -> str:
    """Has a calendar vendor asked anew to announce what changes."""
    count = lifecycle.renew_now(by.rows(Account.objects.filter(vendor=vendor)))
    if not count:
        raise NotPossible("There is no linked account that could be asked just now.")
    accounts = f"{count} account{'' if count == 1 else 's'}"
    record_action(by, "subscribed anew", vendor, accounts)
    return f"Asked to announce changes anew, for {accounts}: that takes a moment."


def probe_sentence(probe: Probe) -> str:
    what = probe.get_kind_display().lower()
    return (
        f"{what} answers" if probe.ok else f"{what} failed: {shorten(probe.reason, MAX_SENTENCE)}"
    )


# --- messages and webhooks ----------------------------------------------------------------------


def retry_failed(by: StaffActor, provider: str = "") -> str:
    """Only what failed by a provider's fault: the rest would fail again."""
    done, refused = 0, Counter[str]()
    for message in failed_messages(by, provider)[:MAX_ROWS_PER_ACTION]:
        try:
            staff_actions.retry_message(message, by=by.name)
        except NotPossible as why:
            refused[str(why)] += 1
        else:
            done += 1
    if not done:
        raise NotPossible(
            "There is nothing that failed by a provider’s fault in the last 24 hours."
        )
    record_action(by, "retried", provider, f"{done} messages")
    return f"Waiting to be sent again: {done} message{'' if done == 1 else 's'}."


def failed_messages(by: StaffActor, provider: str) -> QuerySet[Message]:
    blamed = Attempt.objects.filter(message=OuterRef("pk")).exclude(
        error_class__in=["", *REFUSALS],
    )
    if provider:
        blamed = blamed.filter(provider=provider)
    since = timezone.now() - RETRYABLE_FOR
    rows = Message.objects.outbound().filter(status=Status.FAILED, created_at__gte=since)
    return by.rows(rows.filter(Exists(blamed))).order_by("created_at")


def fail_over_waiting(by: StaffActor, provider: str) -> str:
    """What waits for another try through it is tried now, through the first that works."""
    waiting = by.rows(Message.objects.filter(via=provider)).order_by("send_after")
    done = staff_actions.release_waiting(waiting[:MAX_ROWS_PER_ACTION])
    if not done:
        raise NotPossible(f"Nothing waits for another try through {provider}.")
    record_action(by, "moved on", provider, f"{done} messages")
    return f"Tried now: {done} message{'' if done == 1 else 's'} that waited for {provider}."


def replay_webhooks(by: StaffActor) -> str:
    """Deliveries that were given up on, and those that still wait for another try."""
    rows = by.rows(WebhookDelivery.objects.filter(applied_at=None, tries__gt=0))
    results = Counter(
        deliveries.replay_delivery(delivery)
        for delivery in rows.order_by("id")[:MAX_ROWS_PER_ACTION]
    )
    if not results:
        raise NotPossible("There is no webhook that could not be applied.")
    detail = f"{results[True]} applied, {results[False]} failed again"
    record_action(by, "replayed", "webhooks", detail)
    return f"Replayed: {detail}."


# --- incidents ----------------------------------------------------------------------------------


@transaction.atomic
def acknowledge_incident(by: StaffActor, incident: Incident) -> str:
    seen = Incident.objects.filter(pk=incident.pk, acknowledged_at=None, resolved_at=None)
    if not seen.update(acknowledged_at=timezone.now(), acknowledged_by=by.name):
        raise NotPossible("Somebody has seen it already, or it is over.")
    add_staff_event(by, incident, IncidentEvent.Kind.ACKNOWLEDGED)
    record_action(by, "acknowledged", incident.title)
    return "Noted: you have seen it."


@transaction.atomic
def comment_incident(by: StaffActor, incident: Incident, text: str) -> str:
    add_staff_event(by, incident, IncidentEvent.Kind.COMMENT, text)
    record_action(by, "commented", incident.title, text)
    return "Your comment is in the history."


def add_staff_event(
    by: StaffActor, incident: Incident, kind: IncidentEvent.Kind, text: str = ""
) -> None:
    IncidentEvent.objects.create(
        incident=incident,
        kind=kind,
        by=by.name,
        text=text,
        at=timezone.now(),
    )
