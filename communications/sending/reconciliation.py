"""What no webhook told us: lost answers, things that expired."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from communications.messages.transitions import Change, record
from communications.models import Attempt, Call, Message
from communications.policy import channel_fallback
from communications.policy.eligibility import expiry_of, refuse_unsendable
from communications.providers import registry
from communications.sending import provider_call, repetition
from communications.sending.asking_round import ROUND_S, AskingRound, asked_in_turns
from communications.vocabulary.events import Kind, Source
from communications.vocabulary.statuses import Status
from wedsync_comms.lib import shared_state
from wedsync_comms.lib.errors import NoConnection, ProviderError, RateLimited

log = structlog.get_logger(__name__)

RECONCILED_AT_ONCE = 200
# A callback with our own id usually tells before we have to ask.
ECHO_WITHIN = timedelta(seconds=30)
# How far a provider's clock may be off.
CLOCK_SKEW = timedelta(minutes=1)
# A question that is refused (429, 5xx) says nothing about a message. After so many, of which one a
# minute counts, it is as if the provider could not be asked.
MOST_REFUSALS = 30
REFUSAL_COUNTS_EVERY = timedelta(minutes=1)


class NotNow(Exception):
    """A provider is not to be asked in this round."""


def expire_overdue() -> int:
    """Ends the waiting of messages whose time is over. Returns how many those were."""
    overdue = Message.objects.waiting().filter(expires_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = list(overdue.select_for_update(skip_locked=True).order_by("pk")[:RECONCILED_AT_ONCE])
        record([expiry_of(message) for message in rows])
    return len(rows)


def escalate_overdue() -> int:
    """Moves on what was not delivered in the time its plan gives it. Returns how many."""
    overdue = Message.objects.filter(escalate_at__lte=timezone.now())
    if not overdue.exists():
        return 0
    with transaction.atomic():
        rows = overdue.select_related("organization").order_by("pk")
        # Only the message: the organization, which is read along, is everybody's.
        unlocked = rows.select_for_update(skip_locked=True, of=("self",))
        locked = list(unlocked[:RECONCILED_AT_ONCE])
        Message.objects.filter(pk__in=[message.pk for message in locked]).update(escalate_at=None)
        legs = [channel_fallback.next_leg(message, "Not delivered in time.") for message in locked]
        record([leg for leg in legs if leg is not None])
    return len(locked)


def resolve_unknown() -> int:
    """Finds out about lost answers: by asking, and after a time by the message's own policy.

    Returns how many were settled. A late receipt counts all the same: it raises a failed attempt.
    """
    # Also of what is not configured any more: its messages are given up in their time.
    slugs = set(lost_attempts().values_list("provider", flat=True).distinct())
    return sum(
        apart(partial(resolve_unknown_at, slug, ROUND_S / len(slugs)), provider=slug)
        for slug in sorted(slugs)
    )


def resolve_unknown_at(slug: str, seconds: float = ROUND_S) -> int:
    """Finds out about the lost answers of one provider; returns how many were settled."""
    lost = lost_attempts().filter(provider=slug)
    if not can_be_asked(slug):
        lost = lost.filter(started_at__lte=timezone.now() - unknown_grace())
    rows = asked_in_turns(lost.select_related("message__organization", "call"))[:RECONCILED_AT_ONCE]
    # One of each message: with its last attempt, the earlier ones of the same call end as well.
    last = {attempt.message_id: attempt for attempt in sorted(rows, key=attrgetter("started_at"))}
    by_call: dict[Any, list[Attempt]] = {}
    for attempt in sorted(last.values(), key=attrgetter("turn")):
        by_call.setdefault(attempt.call_id, []).append(attempt)
    asking = AskingRound(seconds)
    return sum(
        apart(partial(settle_call, attempts, asking), call=call)
        for call, attempts in by_call.items()
    )


def apart(settle: Callable[[], int], **whose: Any) -> int:
    """Returns how many were settled. A bug of ours with some of them stops none of the others,
    which come first the next time."""
    try:
        return settle()
    except (InterfaceError, OperationalError):
        # The database: nobody would fare better.
        raise
    except Exception:
        log.exception("lost_answers_not_settled", **whose)
        lost_attempts().filter(**whose).update(polled_at=timezone.now())
        return 0


def lost_attempts() -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        status=Status.UNKNOWN,
        started_at__lte=timezone.now() - ECHO_WITHIN,
        call__repeat_after=None,
    )


def can_be_asked(slug: str) -> bool:
    """Returns whether a provider can tell what became of a message without having its id."""
    return slug in settings.PROVIDERS and registry.provider_for(slug).finds_by_content


def settle_call(attempts: Sequence[Attempt], asking: AskingRound) -> int:
    """Asks once about all that is lost of a call, and returns how many of them are settled."""
    try:
        found = ask_about_call(attempts, asking)
    except NotNow:
        return 0
    return sum(
        settle_lost(attempt, candidates)
        for attempt, candidates in zip(attempts, found, strict=True)
    )


def settle_lost(attempt: Attempt, candidates: list[str] | None) -> bool:
    """Returns whether it is known now what became of an attempt, or given up.

    `candidates` are the provider's ids of what may be it; None where it cannot be asked. Harmless
    where another process does it at the same time: whoever comes second changes nothing.
    """
    found = None if candidates is None else untaken_id(attempt.provider, candidates)
    if found is None and attempt.started_at > timezone.now() - unknown_grace():
        return False
    with transaction.atomic():
        # Who holds the message changes it: what was learned of the attempt meanwhile counts.
        message = Message.objects.select_for_update(of=("self",)).select_related("organization")
        attempt.message = message.get(pk=attempt.message_id)
        if not Attempt.objects.filter(pk=attempt.pk, status=Status.UNKNOWN).exists():
            return False
        record(changes_after_asking(attempt, found))
    return True


def changes_after_asking(attempt: Attempt, found: str | None) -> list[Change]:
    """Returns what follows: the provider has it under an id, has not ("") or cannot say (None)."""
    if found is None:
        return resend_or_give_up(attempt)
    if not found:
        return repetition.settled_unsent(attempt, "The provider never got it.")
    return [lost_acceptance(attempt, found)]


def unknown_grace() -> timedelta:
    return timedelta(seconds=settings.UNKNOWN_GRACE_SECONDS)


def ask_about_call(attempts: Sequence[Attempt], asking: AskingRound) -> Sequence[list[str] | None]:
    """Asks the provider for the messages of one call.

    Returns for each its ids of what may be it; None if it cannot be asked, or has refused to answer
    for long. Raises NotNow.
    """
    slug = attempts[0].provider
    nothing = [None] * len(attempts)
    if not can_be_asked(slug):
        return nothing
    if asking.is_over_for(slug):
        raise NotNow
    provider = registry.provider_for(slug)
    # Nobody recognises a mail by its files.
    outbounds = [provider_call.without_files(attempt, provider) for attempt in attempts]
    wait_for_slot = partial(wait_in_turn, slug, asking)
    wait_for_slot()
    # Whatever it answers, the others are asked about first.
    Attempt.objects.filter(call=attempts[0].call_id).update(polled_at=timezone.now())
    try:
        since = attempts[0].call.created_at - CLOCK_SKEW
        with answered(attempts[0], asking), understood(slug):
            return provider.find_batch_by_content(outbounds, since, wait_for_slot)
    except LookupError:
        return nothing


@contextmanager
def answered(attempt: Attempt, asking: AskingRound) -> Iterator[None]:
    """Raises NotNow where a provider is not reached or refuses to say what became of a call: who
    cannot ask gives nothing up. LookupError where it has refused for long."""
    slug = attempt.provider
    try:
        yield
    except NoConnection as error:
        asking.busy.add(slug)
        raise NotNow from error
    except ProviderError as error:
        if isinstance(error, RateLimited):
            registry.bucket_for(slug).hold(error.retry_after.total_seconds())
            asking.busy.add(slug)
        log.warning("look_up_failed", call=str(attempt.call_id), error=str(error))
        if count_refusal(attempt.call_id) < MOST_REFUSALS:
            raise NotNow from error
        raise LookupError(str(error)) from error


@contextmanager
def understood(slug: str) -> Iterator[None]:
    """Raises LookupError after a bug of ours: what was asked about is given up in its time."""
    try:
        yield
    except (NotNow, ProviderError, LookupError, InterfaceError, OperationalError):
        raise
    except Exception as error:
        log.exception("look_up_crashed", provider=slug)
        raise LookupError("The answer is none that we understand.") from error


def count_refusal(call_id: Any) -> int:
    """Counts that a provider refused to say what became of a call, if it has not in this minute.

    Returns how many that are by now.
    """
    now = timezone.now()
    long_ago = Q(refused_at=None) | Q(refused_at__lte=now - REFUSAL_COUNTS_EVERY)
    Call.objects.filter(long_ago, pk=call_id).update(refusals=F("refusals") + 1, refused_at=now)
    return Call.objects.values_list("refusals", flat=True).get(pk=call_id)


def wait_in_turn(slug: str, asking: AskingRound) -> None:
    """Takes a slot for one request. Raises NotNow."""
    try:
        has_slot = asking.has_slot(slug)
    except shared_state.Unavailable as error:
        asking.busy.add(slug)
        raise NotNow from error
    if not has_slot:
        raise NotNow


def untaken_id(slug: str, candidates: Sequence[str]) -> str:
    """Returns the first id that is no other message's; blank if there is none.

    Somebody may get the same text twice.
    """
    known = Attempt.objects.filter(
        provider__in=registry.for_webhook(registry.provider_for(slug).webhook),
        provider_id__in=candidates,
    )
    taken = set(known.values_list("provider_id", flat=True))
    return next((provider_id for provider_id in candidates if provider_id not in taken), "")


def lost_acceptance(attempt: Attempt, provider_id: str) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.ACCEPTED,
        source=Source.POLL,
        status=Status.SENT,
        provider=attempt.provider,
        provider_id=provider_id,
        detail="The answer was lost; the provider has the message.",
    )


def resend_or_give_up(attempt: Attempt) -> list[Change]:
    """Returns what follows where nobody could tell whether it arrived.

    Better none than two, unless the message says otherwise; and nothing where it may not be sent
    any more, or has moved on meanwhile.
    """
    message = attempt.message
    if message.resend_if_unknown:
        why = "The provider never confirmed it; sent again, as was asked for."
        next_step: Change | None = repetition.resend_now(attempt, why)
    else:
        why = "The provider never confirmed it, and sending it again might deliver it twice."
        next_step = channel_fallback.next_leg(message, why)
    end = repetition.attempt_given_up(attempt, why)
    if message.send_after is not None or repetition.decided_meanwhile(attempt):
        return [end]
    next_step = refuse_unsendable([message]).get(message.pk) or next_step
    return [end] if next_step is None else [end, next_step]
