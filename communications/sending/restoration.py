"""What may have left after the dump that this database was restored from: asked, not sent again.

A dump knows nothing of what came after it. What was due by then is taken out of the outbox as if
the answer to its call had been lost, and found out like every lost answer (`reconciliation`): what
the provider has is sent, what it has not is sent now, and where it cannot say, nothing is sent
twice. What was in flight needs nothing: its call is repeated with the same key, or found out.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from communications.messages.transitions import record
from communications.models import Attempt, Call, Event, Message
from communications.policy import senders
from communications.providers import registry
from communications.sending.claims import mark_lost
from wedsync_comms.lib.models import Heartbeat

RESTORED_AT_ONCE = 500
RESTORED = "The database was restored from a dump. Finding out whether it left after that was made."
# Receipts that came after the dump are asked for first; before that nothing counts as undelivered.
RECEIPTS_WITHIN = timedelta(minutes=15)


def last_sign_of_life() -> datetime | None:
    """Returns when this database was last written to, by its own rows; None if it is empty."""
    beat = Heartbeat.objects.aggregate(last=Max("beat_at"))["last"]
    event = Event.objects.aggregate(last=Max("recorded_at"))["last"]
    return max(filter(None, (beat, event)), default=None)


def find_out_due(dumped_at: datetime) -> int:
    """Takes what was due by now out of the outbox, to be found out. Returns how many those were.

    Nobody else may be sending. What nobody is configured to send stays where it is.
    """
    count = 0
    while taken := take_due(dumped_at):
        count += taken
    return count


def take_due(dumped_at: datetime) -> int:
    with transaction.atomic():
        due = Message.objects.due(timezone.now()).filter(leg_channel__in=registry.routed_channels())
        rows = due.order_by("send_after").select_related("organization")
        messages = list(rows.select_for_update(of=("self",))[:RESTORED_AT_ONCE])
        for slug, batch in calls_that_may_have_been(messages):
            open_lost_call(slug, batch, dumped_at)
    return len(messages)


def calls_that_may_have_been(
    messages: Sequence[Message],
) -> Iterator[tuple[str, Sequence[Message]]]:
    """Yields messages with the provider that would have taken them, as many as it takes at once:
    they are asked for together."""
    by_provider = defaultdict[str, list[Message]](list)
    for message in messages:
        slugs = registry.route_slugs(message.leg_channel)
        by_provider[message.via if message.via in slugs else slugs[0]].append(message)
    for slug, found in by_provider.items():
        size = registry.provider_for(slug).batch_limit
        yield from ((slug, found[at : at + size]) for at in range(0, len(found), size))


def open_lost_call(slug: str, messages: Sequence[Message], dumped_at: datetime) -> None:
    """Writes down a call that the lost rows may have had, without an answer, and never repeated."""
    call = Call.objects.create(provider=slug, repeat_after=None, tries=1)
    # From then on the provider is asked for what it has.
    Call.objects.filter(pk=call.pk).update(created_at=dumped_at)
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(send_after=None)
    attempts = Attempt.objects.bulk_create(
        Attempt(
            message=message,
            call=call,
            number=(message.attempts.aggregate(last=Max("number"))["last"] or 0) + 1,
            leg=message.leg,
            sender=senders.sender_on_record(message.organization, slug),
            to=message.leg_to,
            position=position,
            provider=slug,
            started_at=timezone.now(),
        )
        for position, message in enumerate(messages)
    )
    record([mark_lost(attempt, "restored", RESTORED) for attempt in attempts])


def postpone_escalations() -> int:
    """Leaves time to ask for receipts before a plan's next step is taken. Returns how many wait."""
    until = timezone.now() + RECEIPTS_WITHIN
    return Message.objects.filter(escalate_at__lt=until).update(escalate_at=until)
