"""Waiting for a provider that takes nothing now, and what the timeline says about it: once for each
time that it closes.

due -> (no provider that can send it takes any) -> held, with the reason -> (one is open) -> due
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Event, Message
from communications.policy import capability, detours
from communications.providers import registry
from communications.vocabulary.events import Kind
from wedsync_comms.lib.text import as_sentence

# How long what waits is left alone: longer, the longer its provider is closed. When it is open
# again, `release_waiting` is quicker.
SHORTEST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(seconds=30)
# Where a provider only wants to be left alone, the reason is written down again after so long.
TOLD_FOR = timedelta(minutes=10)
# A shorter pause is over before anybody has read of it.
WORTH_TELLING_S = 5.0
# How many messages one look tells about at most.
TOLD_AT_ONCE = 200
# On the events of messages that wait for a provider.
CLOSED_CODE = "provider_closed"


def defer_unavailable(waiting: Sequence[tuple[Message, Mapping[str, str]]]) -> None:
    """Has messages wait for the providers of each, which take nothing now, given why.

    Call it in the claim's transaction.
    """
    if not waiting:
        return
    now = timezone.now()
    since = min(told_from(reasons) for _, reasons in waiting)
    told = told_since([message for message, _ in waiting], since)
    closed = [at for _, reasons in waiting if (at := closed_at(reasons))]
    closed_for = now - min(closed, default=now)
    until = now + min(max(closed_for / 10, SHORTEST_WAIT), LONGEST_WAIT)
    brief = {
        slug for slug in {slug for _, reasons in waiting for slug in reasons} if is_brief(slug)
    }
    told |= {message.pk for message, reasons in waiting if brief.issuperset(reasons)}
    Message.objects.filter(pk__in=told).update(send_after=until, via="")
    record(
        [
            waiting_change(message, reasons, SendPlan(until))
            for message, reasons in waiting
            if message.pk not in told
        ]
    )


def closed_at(slugs: Iterable[str]) -> datetime | None:
    """Returns when the first of some providers closed that are closed; None if none is."""
    states = [registry.breaker_for(slug).state() for slug in slugs]
    return min((state.opened_at for state in states if state.opened_at), default=None)


def told_from(slugs: Iterable[str]) -> datetime:
    """Returns since when what was told of some providers still holds."""
    return closed_at(slugs) or timezone.now() - TOLD_FOR


def told_since(messages: Sequence[Message], since: datetime, code: str = CLOSED_CODE) -> set[UUID]:
    return set(
        Event.objects.filter(
            message__in=messages, kind=Kind.HELD, error_code=code, recorded_at__gte=since
        ).values_list("message", flat=True)
    )


def waiting_change(message: Message, reasons: Mapping[str, str], plan: SendPlan | None) -> Change:
    """Returns the event that says why a message waits, by provider of those that can send it."""
    told = " ".join(f"Not through {slug} now: {as_sentence(why)}" for slug, why in reasons.items())
    return Change(
        message=message.pk,
        kind=Kind.HELD,
        provider=next(iter(reasons)),
        error_code=CLOSED_CODE,
        plan=plan,
        detail=f"{told} It waits, and leaves when that is over.",
    )


def unreached_clause(slug: str, why: str) -> str:
    """Returns, for people, that no connection to a provider comes about, and why."""
    return f"we cannot reach {registry.provider_for(slug).label}: {why}"


def is_brief(slug: str) -> bool:
    """Returns whether a provider only wants to be left alone for a moment, which nobody is told."""
    return 0 < detours.seconds_held(slug) <= WORTH_TELLING_S


def takes_nothing(slug: str) -> bool:
    """Returns whether a provider is closed, or wants to be left alone for longer than a moment.

    One that is on trial takes a single message.
    """
    is_closed = registry.breaker_for(slug).state().state != "closed"
    return is_closed or detours.seconds_held(slug) > WORTH_TELLING_S


def tell_waiting(channel: str, due_since: datetime) -> int:
    """Says in the timelines of what is due on a channel why no provider takes it now.

    Call it where none does. Looks at what has been due since then or later, and returns how many
    messages it told about.
    """
    route = registry.route_slugs(channel)
    untold = untold_messages(channel, told_from(route)).filter(send_after__gte=due_since)
    found = list(untold.order_by("send_after")[:TOLD_AT_ONCE])
    reasons = {slug: detours.why_skipped(slug) for slug in route} if found else {}
    record([waiting_change(message, reasons_of(message, reasons), None) for message in found])
    return len(found)


def reasons_of(message: Message, reasons: Mapping[str, str]) -> dict[str, str]:
    """Returns the reasons of those providers that can send a message."""
    unable = capability.unable_providers(message, message.leg_channel, message.leg_to)
    able = {slug: why for slug, why in reasons.items() if slug not in unable}
    # What none of them can send is refused when it is claimed.
    return able or dict(reasons)


def untold_messages(channel: str, since: datetime) -> QuerySet[Message]:
    told = Event.objects.filter(
        message=OuterRef("pk"), kind=Kind.HELD, error_code=CLOSED_CODE, recorded_at__gte=since
    )
    return Message.objects.due(timezone.now()).filter(~Exists(told), leg_channel=channel)


def release_waiting(channel: str) -> int:
    """Has what waits for a provider of a channel be due now, and returns how many messages."""
    now = timezone.now()
    told = Event.objects.filter(message=OuterRef("pk"), kind=Kind.HELD, error_code=CLOSED_CODE)
    waiting = Message.objects.waiting().filter(
        Exists(told),
        leg_channel=channel,
        send_after__gt=now,
        send_after__lte=now + LONGEST_WAIT,
    )
    return waiting.update(send_after=now) if waiting.exists() else 0
