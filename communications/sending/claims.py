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
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from communications.messages.transitions import (
    Change,
    record,
)
from communications.models import Attempt, Call, Message, Priority
from communications.policy import (
    provider_selection,
    quiet_hours,
)
from communications.policy.eligibility import refuse
from communications.providers import registry
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import (
    UNANSWERED,
    Status,
)
from wedsync_comms.lib.errors import OutcomeUnknown

# Only the message: the organization, which is read along, is everybody's.
OF_SELF = ("self",)

# How old a call may be to be repeated: providers forget an idempotency key after a day.
KEY_LIFETIME = timedelta(hours=23)
LOST = "The sending process ended before the answer came."


@dataclass(frozen=True)
class Claim:
    """A call that this process alone may send until its lease runs out."""

    call: Call
    attempts: Sequence[Attempt]


def lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def bound(slug: str, usable: Sequence[str]) -> list[str]:
    """The values of `via` whose messages this provider takes: its own, and if it is the first of
    the route that works, those of nobody in particular."""
    return ["", slug] if usable[0] == slug else [slug]


def ahead(channel: str, slug: str, usable: Sequence[str], most: int) -> list[int]:
    """The priorities of the first messages due for this provider, the most urgent first."""
    rows = Message.objects.due(timezone.now()).filter(
        leg_channel=channel,
        via__in=bound(slug, usable),
    )
    return list(rows.order_by("priority").values_list("priority", flat=True)[:most])


def claim(channel: str, slug: str, *, usable: Sequence[str], limit: int) -> list[Claim]:
    """Takes what is due for this provider, urgent first, and commits an attempt for each message.

    One call for all of them where the provider takes many at once, else a call for each. Empty if
    nothing is left to send after refusing what may not be sent.
    """
    batches = registry.provider(slug).batch_limit > 1
    with transaction.atomic():
        rows = due(channel, bound(slug, usable), limit)
        routable = [
            one for one in allowed(rows) if provider_selection.routed(one, channel, slug, usable)
        ]
        routable = provider_selection.in_pace(routable, slug)
        if batches:
            routable = together(routable, slug)
        if not routable:
            return []
        record(provider_selection.detours(routable, channel, slug, usable))
        return attempt(slug, [routable] if batches else [[one] for one in routable])


def due(channel: str, vias: Sequence[str], limit: int) -> list[Message]:
    """Locked rows of the outbox, in the order in which they are sent."""
    found: list[Message] = []
    for priority in Priority.values:
        rows = (
            Message.objects.due(timezone.now())
            .filter(leg_channel=channel, priority=priority, via__in=vias)
            .order_by("send_after")
            .select_related("organization")
            .prefetch_related("attempts")
        )
        found += lock(rows)[: limit - len(found)]
        # An urgent message does not share the fate of a campaign it happens to leave with.
        if len(found) == limit or (found and priority == Priority.URGENT):
            break
    return found


def lock(rows: QuerySet[Message]) -> QuerySet[Message]:
    # On SQLite it says nothing and need not: there is one writer at a time, and transactions here
    # begin as writers.
    return rows.select_for_update(skip_locked=True, of=OF_SELF)


def allowed(rows: Sequence[Message]) -> list[Message]:
    """Records what may not be sent after all, or not here, and returns the others."""
    now = timezone.now()
    late = {one.pk: expired(one) for one in rows if one.expires_at and one.expires_at <= now}
    stopped = late | refuse([one for one in rows if one.pk not in late])
    record(list(stopped.values()))
    going = [one for one in rows if one.pk not in stopped]
    held = quiet_hours.hold(going)
    return [one for one in going if one.pk not in held]


def expired(message: Message) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.EXPIRED,
        decision=Status.EXPIRED,
        error_code="expired",
        detail=f"Not sent by {message.expires_at:%d %B %Y %H:%M} UTC.",
    )


def attempt(slug: str, loads: Sequence[Sequence[Message]]) -> list[Claim]:
    """A call for each load; takes its messages out of the outbox and opens an attempt for each."""
    now = timezone.now()
    taken = [one.pk for load in loads for one in load]
    Message.objects.filter(pk__in=taken).update(send_after=None)
    calls = Call.objects.bulk_create(
        Call(provider=slug, repeat_after=lease(), tries=1, created_at=now) for _ in loads
    )
    opened = [
        [
            Attempt(
                message=one,
                call=call,
                number=len(one.attempts.all()) + 1,
                leg=one.leg,
                sender=one.organization.sender(one.leg_channel),
                to=one.leg_to,
                position=position,
                provider=slug,
                started_at=now,
            )
            for position, one in enumerate(load)
        ]
        for call, load in zip(calls, loads, strict=True)
    ]
    Attempt.objects.bulk_create(one for attempts in opened for one in attempts)
    return [Claim(call, attempts) for call, attempts in zip(calls, opened, strict=True)]


def claim_repeat(call_id: Any) -> Claim | None:
    """Takes a call whose lease or pause has run out. None if another process was quicker."""
    with transaction.atomic():
        now = timezone.now()
        taken = Call.objects.due(now).filter(pk=call_id)
        if not taken.update(repeat_after=lease(), tries=F("tries") + 1):
            return None
        call = Call.objects.get(pk=call_id)
        unanswered = [one for one in last_attempts(call) if one.status in UNANSWERED]
        if not unanswered:
            # Receipts were quicker than the next try.
            Call.objects.filter(pk=call_id).update(repeat_after=None)
            return None
        if not is_repeatable(call):
            # Not to be sent a second time: whoever claims it, settles it.
            return Claim(call, unanswered)
        return Claim(call, repeat(call, unanswered))


def last_attempts(call: Call) -> list[Attempt]:
    """One a message, in the order in which the call carries them."""
    newest = call.attempts.values("message").annotate(newest=Max("pk")).values("newest")
    return list(
        call.attempts.filter(pk__in=newest)
        .select_related("message__organization")
        .prefetch_related("message__attachments")
        .order_by("position"),
    )


def repeat(call: Call, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The same call once more, as new attempts of those messages that have no answer."""
    now = timezone.now()
    record([left_behind(one) for one in attempts if one.status == Status.QUEUED])
    return Attempt.objects.bulk_create(
        Attempt(
            message_id=one.message_id,
            call=call,
            number=one.number + 1,
            leg=one.leg,
            sender=one.sender,
            to=one.to,
            position=one.position,
            provider=call.provider,
            started_at=now,
        )
        for one in attempts
    )


def left_behind(one: Attempt) -> Change:
    return Change(
        message=one.message_id,
        attempt=one.pk,
        kind=Kind.UNANSWERED,
        status=Status.UNKNOWN,
        provider=one.provider,
        error_code="lost",
        detail=LOST,
        outcome={"finished_at": timezone.now(), "error_class": OutcomeUnknown.__name__},
    )


def together(messages: Sequence[Message], slug: str) -> list[Message]:
    """Those that may share a call with the first; the others follow in calls of their own.

    A mail with attachments travels alone. And all must stand on the same step of the ladder:
    otherwise one would be given to the next provider while its call is repeated for another, and
    arrive twice.
    """
    if not messages or messages[0].has_attachments:
        return list(messages[:1])
    step = provider_selection.climbed(messages[0])[slug]
    return [
        one
        for one in messages
        if not one.has_attachments and provider_selection.climbed(one)[slug] == step
    ]


def is_repeatable(call: Call) -> bool:
    """Whether the provider still knows its key, and so would carry it out only once."""
    is_young = call.created_at > timezone.now() - KEY_LIFETIME
    return is_young and registry.provider(call.provider).idempotent
