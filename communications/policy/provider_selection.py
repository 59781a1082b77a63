"""Which provider of a channel's route takes a message: failover and circuit breakers.

A route names providers in the order in which they are tried. A message goes to the first that
works and has retries left for it; `Message.via` binds it to one of them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Least
from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Attempt, Event, Message, SenderStanding
from communications.policy import (
    capability,
    channel_fallback,
    detours,
    retry_policy,
    sender_holds,
    senders,
    unavailability,
)
from communications.providers import registry
from communications.vocabulary.events import Kind
from wedsync_comms.lib.text import as_sentence


def next_provider(
    route: Sequence[str],
    *,
    used_up: Iterable[str],
    usable: Iterable[str],
) -> str | None:
    """Returns the provider to try; "" if one may work later; None if the route is exhausted."""
    left = [slug for slug in route if slug not in set(used_up)]
    if not left:
        return None
    available = set(usable)
    return next((slug for slug in left if slug in available), "")


def claimable_vias(slug: str, usable: Sequence[str]) -> list[str]:
    """Returns the values of `via` whose messages this provider takes.

    Its own, and if it is the first of the route that works, those of nobody in particular.
    """
    return ["", slug] if usable[0] == slug else [slug]


def select_through(
    messages: Sequence[Message],
    channel: str,
    slug: str,
    usable: Sequence[str],
    known: senders.RouteSenders,
) -> list[Message]:
    """Returns those that go through this provider now, and sends the others on their way: to the
    next provider that can send as they want to, to the next leg of their plan, or to wait."""
    held, waiting = list[tuple[Message, SenderStanding]](), list[tuple[Message, dict[str, str]]]()
    chosen = [
        message
        for message in messages
        if select_or_reroute(message, channel, slug, usable, known, held, waiting)
    ]
    record(sender_holds.hold_changes(held))
    unavailability.defer_unavailable(waiting)
    return chosen


def select_or_reroute(
    message: Message,
    channel: str,
    slug: str,
    usable: Sequence[str],
    known: senders.RouteSenders,
    held: list[tuple[Message, SenderStanding]],
    waiting: list[tuple[Message, dict[str, str]]],
) -> bool:
    """Returns whether a message goes through this provider now; if not, sends it on its way.

    Adds it to `held` where nobody takes its sender for now, and to `waiting`, with the reason by
    provider, where none of those that can send it takes it now.
    """
    # What none of them can send was refused before.
    route = able_providers(message, channel)
    unfit = unfit_providers(message, route)
    out = exhausted_providers(message) | unfit
    # The one that it is bound to comes first.
    order = sorted(route, key=lambda other: other != message.via)
    chosen = admitting_provider(message, slug, usable, known, route=order, out=out)
    if chosen == slug:
        return True
    if chosen:
        reroute_messages([message.pk], via=chosen, send_after=timezone.now())
    elif len(unfit) == len(route):
        around_sender(message, senders.close_unfit(message, route[0], known), held)
    elif closed := closed_everywhere(message, set(route) - out, known):
        around_sender(message, closed, held)
    elif chosen is None:
        fall_back_or_fail(message)
    else:
        left = [other for other in route if other not in out]
        reasons = {other: why_not_now(other, known.closed(message, other)) for other in left}
        waiting.append((message, reasons))
    return False


def able_providers(message: Message, channel: str) -> list[str]:
    """Returns the providers of a channel's route that can send such a message at all."""
    unable = capability.unable_providers(message, channel, message.leg_to)
    return [slug for slug in registry.route_slugs(channel) if slug not in unable]


def admitting_provider(
    message: Message,
    slug: str,
    usable: Sequence[str],
    known: senders.RouteSenders,
    *,
    route: Sequence[str],
    out: set[str],
) -> str | None:
    """Returns what `next_provider` does, of those that take the message's sender.

    Makes the message the trial of its sender at `slug`, where that is the one and closed.
    """
    admitting = [other for other in usable if known.admits(message, other)]
    chosen = next_provider(route, used_up=out, usable=admitting)
    if chosen == slug and not known.enter(message, slug):
        admitting.remove(slug)
        chosen = next_provider(route, used_up=out, usable=admitting)
    return chosen


def unfit_providers(message: Message, route: Sequence[str]) -> set[str]:
    """Returns the providers that know no sender of the kind that the message goes out as."""
    return {
        slug
        for slug in route
        if not registry.provider_for(slug).can_send_as(
            senders.sender_at(message.organization, slug)
        )
    }


def closed_everywhere(
    message: Message, left: Collection[str], known: senders.RouteSenders
) -> SenderStanding | None:
    """Returns the refusal that ends first, where every provider that is left refuses the sender."""
    rows = [row for slug in left if (row := known.closed(message, slug))]
    if len(rows) < len(left):
        return None
    return min(rows, key=lambda row: row.retry_at or timezone.now(), default=None)


def around_sender(
    message: Message, row: SenderStanding, held: list[tuple[Message, SenderStanding]]
) -> None:
    """Moves a message whose sender nobody takes on to the next leg of its plan, else holds it."""
    leg = channel_fallback.next_leg(message, sender_holds.refusal_of(row))
    if leg is not None:
        record([leg])
    else:
        held.append((message, row))


def failover_events(
    messages: Sequence[Message],
    channel: str,
    slug: str,
    usable: Sequence[str],
    known: senders.RouteSenders,
) -> list[Change]:
    """Returns the events that say, once a message, why an earlier provider is skipped."""
    route = registry.route_slugs(channel)
    earlier = route[: route.index(slug)]
    if not earlier or not messages:
        return []
    skipped = [
        (message, other)
        for message in messages
        for other in earlier
        if (other not in usable or known.closed(message, other))
        and other in able_providers(message, channel)
        and other not in exhausted_providers(message)
    ]
    recorded = set(
        Event.objects.filter(
            message__in=[message for message, _ in skipped],
            kind=Kind.FAILOVER,
            provider__in=earlier,
        ).values_list("message", "provider"),
    )
    return [
        skipped_provider_event(message, other, slug, known.closed(message, other))
        for message, other in skipped
        if (message.pk, other) not in recorded
    ]


def skipped_provider_event(
    message: Message, skipped: str, slug: str, closed: SenderStanding | None
) -> Change:
    return Change(
        message=message.pk,
        kind=Kind.FAILOVER,
        provider=skipped,
        error_code=sender_holds.CLOSED_CODE if closed else "breaker_open",
        detail=f"Not through {skipped}: {why_not_now(skipped, closed)} Through {slug} instead.",
    )


def why_not_now(slug: str, closed: SenderStanding | None) -> str:
    """Returns why a provider does not get a message now: it refuses the sender, or takes none."""
    return detours.why_skipped(slug) if closed is None else sender_holds.refusal_of(closed)


def exhausted_providers(message: Message) -> set[str]:
    """Returns the providers that have used up their retries for this message."""
    used = retries_used(message)
    calls = sum(not attempt.provider_id for attempt in counted_attempts(message))
    return {slug for slug, count in used.items() if detours.is_used_up(count, calls)}


def retries_used(message: Message) -> Counter[str]:
    """Counts by provider the attempts that used up a retry, since the last retry by hand."""
    return Counter(attempt.provider for attempt in counted_attempts(message))


def counted_attempts(message: Message) -> list[Attempt]:
    return [
        attempt
        for attempt in message.attempts.all()
        if attempt.number >= message.ladder_start
        and attempt.error_class in retry_policy.RETRY_COUNTED
    ]


def fall_back_or_fail(message: Message) -> None:
    label = channel_fallback.channel_label(message.leg_channel)
    unable = capability.unable_providers(message, message.leg_channel, message.leg_to)
    tried = f"Every provider of {label} was tried."
    if unable:
        tried = f"Every provider of {label} that can send it was tried."
    why = " ".join([tried, *map(as_sentence, unable.values())])
    end = Change(message=message.pk, kind=Kind.GIVEN_UP, plan=SendPlan(None), detail=why)
    record([channel_fallback.next_leg(message, why) or end])


def reroute_messages(messages: Iterable[Any], *, via: str, send_after: datetime) -> None:
    Message.objects.filter(pk__in=messages, send_after__isnull=False).update(
        via=via,
        send_after=send_after,
    )


def unbind_from(slug: str, channel: str) -> int:
    """Gives what was bound to a provider that is unavailable now to whichever works, at once.

    Returns how many messages that were.
    """
    rows = Message.objects.waiting().filter(leg_channel=channel, via=slug)
    if not rows.exists():
        return 0
    with transaction.atomic():
        # Those that somebody is at are left for the next look: waiting for many of them, in
        # whatever order they lie, could end in a circle.
        unlocked = rows.select_for_update(skip_locked=True).values("pk")
        # What it waited for was this provider.
        now = Least("send_after", timezone.now())
        return Message.objects.filter(pk__in=unlocked).update(via="", send_after=now)
