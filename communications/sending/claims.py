"""outbox -> what may go now -> [attempts committed] -> a claim: the exclusive right to send.

What is claimed and never settled, because the process died, is a call whose lease runs out: it is
claimed again, to be repeated with the same key or to be found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Max, QuerySet, Value, When
from django.utils import timezone

from communications.messages.transitions import Change, record
from communications.models import Attempt, Call, Message, Priority
from communications.policy import provider_selection, quiet_hours, senders
from communications.policy.eligibility import refuse_unsendable
from communications.policy.rates import pair_rates
from communications.providers import registry
from communications.sending import repetition
from communications.sending.fairness import OrganizationTurns
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import UNANSWERED, Status
from wedsync_comms.lib.errors import OutcomeUnknown

# How old a call may be to be repeated: providers forget an idempotency key after a day.
KEY_LIFETIME = timedelta(hours=23)
# Longer than all retries of a call take.
SHORT_LIVED = timedelta(minutes=2)
LOST = "The sending process ended before the answer came."


@dataclass(frozen=True)
class Claim:
    """A call that this process alone may send until its lease runs out."""

    call: Call
    attempts: Sequence[Attempt]


def lease_deadline() -> datetime:
    """Returns until when what is claimed now belongs to this process."""
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def peek_priorities(channel: str, slug: str, usable: Sequence[str], limit: int) -> list[int]:
    """Returns the priorities of the first messages due for this provider, urgent first."""
    rows = Message.objects.due(timezone.now()).filter(
        leg_channel=channel,
        via__in=provider_selection.claimable_vias(slug, usable),
    )
    found: list[int] = []
    # One after the other, by the index `message_due`: in one order over all of them, what is
    # scheduled at a higher priority would be walked through to what is due at a lower one.
    for priority in Priority.values:
        found += rows.filter(priority=priority).values_list("priority", flat=True)[
            : limit - len(found)
        ]
        if len(found) == limit:
            break
    return found


def claim_due(
    channel: str,
    slug: str,
    *,
    usable: Sequence[str],
    limit: int,
    turns: OrganizationTurns | None = None,
) -> list[Claim]:
    """Claims what is due for this provider, urgent first, and commits an attempt for each message.

    Organizations take turns; `turns` remembers whose it is from one claim to the next. One call for
    all of them where the provider takes many at once, else a call for each. Empty if nothing is
    left to send after refusing what may not be sent.
    """
    turns = turns or OrganizationTurns()
    vias = provider_selection.claimable_vias(slug, usable)
    with transaction.atomic():
        locked = turns.lock_due(channel, slug, vias, limit=limit)
        allowed = refuse_or_hold(locked)
        known = senders.RouteSenders(allowed, registry.route_slugs(channel))
        sendable = provider_selection.select_through(allowed, channel, slug, usable, known)
        sendable = pair_rates.within_pair_rate(sendable, slug)
        calls = group_into_calls(sendable, slug, known)
        carried = [message for call in calls for message in call]
        record(provider_selection.failover_events(carried, channel, slug, usable, known))
        claims = open_calls(slug, calls)
    going = {message.pk for message in sendable}
    turns.charge(slug, calls, [message for message in locked if message.pk not in going])
    return claims


def group_into_calls(
    messages: Sequence[Message], slug: str, known: senders.RouteSenders
) -> list[list[Message]]:
    """Returns what leaves now by calls: one for as many as may share it, or one for each."""
    if registry.provider_for(slug).batch_limit == 1:
        return [[message] for message in messages]
    batch = batchable_with_first(messages, slug, known)
    return [batch] if batch else []


def refuse_or_hold(messages: Sequence[Message]) -> list[Message]:
    """Records which messages may not be sent after all, or not now, and returns the others."""
    refused = refuse_unsendable(messages)
    record(list(refused.values()))
    allowed = [message for message in messages if message.pk not in refused]
    held = quiet_hours.hold_in_quiet_hours(allowed)
    return [message for message in allowed if message.pk not in held]


def open_calls(slug: str, batches: Sequence[Sequence[Message]]) -> list[Claim]:
    """Opens a call for each batch: takes its messages out of the outbox, with an attempt each."""
    now = timezone.now()
    take_out_of_outbox(slug, [message for batch in batches for message in batch])
    calls = Call.objects.bulk_create(
        Call(provider=slug, repeat_after=lease_deadline(), tries=1, created_at=now) for _ in batches
    )
    opened = [
        [
            Attempt(
                message=message,
                call=call,
                number=len(message.attempts.all()) + 1,
                leg=message.leg,
                sender=message.sender,
                to=message.leg_to,
                position=position,
                provider=slug,
                started_at=now,
            )
            for position, message in enumerate(batch)
        ]
        for call, batch in zip(calls, batches, strict=True)
    ]
    Attempt.objects.bulk_create(attempt for attempts in opened for attempt in attempts)
    return [Claim(call, attempts) for call, attempts in zip(calls, opened, strict=True)]


def take_out_of_outbox(slug: str, messages: Sequence[Message]) -> None:
    """Takes messages out of the outbox, and writes down who they leave as: their organization may
    have had another sender when they were composed, and a provider has one of its own."""
    for message in messages:
        message.sender = senders.sender_on_record(message.organization, slug)
    as_whom = {message.organization_id: Value(message.sender) for message in messages}
    whens = (When(organization=pk, then=sender) for pk, sender in as_whom.items())
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        send_after=None, sender=Case(*whens, default=F("sender"))
    )


def claim_repeat(call_id: Any) -> Claim | None:
    """Claims a call whose lease or pause ran out, to make it again.

    Returns None if another process was quicker, or if something in it may not be sent any more.
    """
    with transaction.atomic():
        taken = take_over_call(call_id)
        if taken is None:
            return None
        call, unanswered = taken
        if not is_repeatable(call):
            # Not to be sent a second time: whoever claims it, settles it.
            return Claim(call, unanswered)
        if reasons := repetition.refusals_to_repeat(unanswered):
            record(lost_attempts(unanswered))
            repetition.withdraw_call(call, unanswered, reasons)
            return None
        return Claim(call, reopen_attempts(call, unanswered))


def take_over_call(call_id: Any) -> tuple[Call, list[Attempt]] | None:
    """Takes a call whose lease or pause ran out; returns it with its attempts that have no answer.

    Returns None if another process was quicker. Call it in a transaction.
    """
    taken = Call.objects.due(timezone.now()).filter(pk=call_id)
    if not taken.update(repeat_after=lease_deadline(), tries=F("tries") + 1):
        return None
    call = Call.objects.get(pk=call_id)
    unanswered = [attempt for attempt in last_attempts(call) if attempt.status in UNANSWERED]
    if not unanswered:
        # Receipts were quicker than the next try.
        Call.objects.filter(pk=call_id).update(repeat_after=None)
        return None
    return call, unanswered


def renew_lease(call: Call) -> bool:
    """Returns whether a call is still this process's to make, from now on with a whole lease."""
    ours = Call.objects.filter(pk=call.pk, tries=call.tries, repeat_after__isnull=False)
    return bool(ours.update(repeat_after=lease_deadline()))


def expired_calls(slug: str) -> QuerySet[Call]:
    """Returns the calls of a provider, to be made again now, with something in them that has no
    answer and is of no use any more."""
    now = timezone.now()
    # Both of one attempt: what was taken may be as old as it likes.
    expired = Attempt.objects.filter(status__in=UNANSWERED, message__expires_at__lte=now)
    return Call.objects.due(now).filter(provider=slug, pk__in=expired.values("call"))


def withdraw_expired(call_id: Any) -> None:
    """Ends such a call without asking its provider, which may not be asked now."""
    with transaction.atomic():
        if taken := take_over_call(call_id):
            call, unanswered = taken
            record(lost_attempts(unanswered))
            repetition.withdraw_call(call, unanswered, repetition.refusals_to_repeat(unanswered))


def last_attempts(call: Call) -> list[Attempt]:
    """Returns the newest attempt of each message, in the order in which the call carries them."""
    newest = call.attempts.values("message").annotate(newest=Max("pk")).values("newest")
    return list(
        call.attempts.filter(pk__in=newest)
        .select_related("message__organization")
        .order_by("position"),
    )


def reopen_attempts(call: Call, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Opens new attempts of those messages of a repeated call that have no answer."""
    now = timezone.now()
    record(lost_attempts(attempts))
    return Attempt.objects.bulk_create(
        Attempt(
            message_id=attempt.message_id,
            call=call,
            number=attempt.number + 1,
            leg=attempt.leg,
            sender=attempt.sender,
            to=attempt.to,
            position=attempt.position,
            provider=call.provider,
            started_at=now,
        )
        for attempt in attempts
    )


def lost_attempts(attempts: Sequence[Attempt]) -> list[Change]:
    return [mark_lost(attempt) for attempt in attempts if attempt.status == Status.QUEUED]


def mark_lost(attempt: Attempt, error_code: str = "lost", detail: str = LOST) -> Change:
    """Says that nobody knows what came of an attempt: as a rule, the process died that made it."""
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.UNANSWERED,
        status=Status.UNKNOWN,
        provider=attempt.provider,
        error_code=error_code,
        detail=detail,
        outcome={"finished_at": timezone.now(), "error_class": OutcomeUnknown.__name__},
    )


def batchable_with_first(
    messages: Sequence[Message], slug: str, known: senders.RouteSenders
) -> list[Message]:
    """Returns those that may share a call with the first; the others follow in calls of their own.

    All must have used as many retries, with each provider: otherwise one would be given to the
    next while its call is repeated for another, and arrive twice. And a sender that the provider
    has not taken yet shares no call with others, which would be refused along with it.
    """
    if not messages or travels_alone(messages[0]):
        return list(messages[:1])
    first = messages[0]
    retries = provider_selection.retries_used(first)
    is_proven = known.is_proven(first, slug)
    sender = senders.sender_at(first.organization, slug)
    return [
        message
        for message in messages
        if not travels_alone(message)
        and provider_selection.retries_used(message) == retries
        and (
            (is_proven and known.is_proven(message, slug))
            or senders.sender_at(message.organization, slug) == sender
        )
    ]


def travels_alone(message: Message) -> bool:
    """Returns whether a mail may share no call: it has attachments, or expires soon.

    Once it has expired, its call would not be repeated for the others either.
    """
    expires_at = message.expires_at
    is_short_lived = expires_at is not None and expires_at < timezone.now() + SHORT_LIVED
    return message.has_attachments or is_short_lived


def is_repeatable(call: Call) -> bool:
    """Returns whether the provider still knows its key, and so would carry it out only once."""
    is_young = call.created_at > timezone.now() - KEY_LIFETIME
    return is_young and registry.provider_for(call.provider).idempotent
