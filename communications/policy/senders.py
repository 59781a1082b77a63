"""Which senders a provider takes: a refusal closes that sender there, for that organization only.

taken -> (refused) -> closed -> (a pause) -> one message as a trial -> taken | closed, for longer
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from communications.models import Attempt, Message, Organization, SenderStanding
from communications.providers import registry
from communications.vocabulary.phone_numbers import number_region
from wedsync_comms.lib.errors import SenderBusy, SenderRejected, SenderRejectedForRegion
from wedsync_comms.lib.text import sanitise

log = structlog.get_logger(__name__)

# How long a closed sender is left alone; each trial that fails doubles it.
FIRST_TRIAL_AFTER = timedelta(minutes=1)
LONGEST_TRIAL_PAUSE = timedelta(hours=1)
# What waits for a trial that is due already is looked at again so soon: another message has it, or
# its provider takes nothing now.
LOST_TRIAL_DELAY = timedelta(seconds=2)


def sender_at(organization: Organization, slug: str) -> str:
    """Returns who an organization writes as through a provider: itself, or the installation."""
    provider = registry.provider_for(slug)
    return organization.sender(provider.channel) or provider.sender


def sender_on_record(organization: Organization, slug: str) -> str:
    """Returns the same as it is written down; blank where the vendor picks from its pool."""
    if registry.provider_for(slug).uses_sender_pool:
        return organization.sender(registry.provider_for(slug).channel)
    return sender_at(organization, slug)


def sender_of(attempt: Attempt) -> str:
    """Returns who an attempt was made as, as the provider was told it."""
    return attempt.sender or registry.provider_for(attempt.provider).sender


def own_sender_of(attempt: Attempt) -> str:
    """Returns the organization's own sender that an attempt was made as; blank if it was made as
    the installation."""
    usual = registry.provider_for(attempt.provider).sender
    return "" if attempt.sender == usual else attempt.sender


def trial_pause(trials: int) -> timedelta:
    """Returns how long a sender stays closed after so many trials."""
    doubled: int = 2 ** min(trials, 16)
    return min(FIRST_TRIAL_AFTER * doubled, LONGEST_TRIAL_PAUSE)


class RouteSenders:
    """What is known about the senders of some messages at the providers of their route."""

    def __init__(self, messages: Sequence[Message], slugs: Sequence[str]) -> None:
        rows = SenderStanding.objects.filter(
            organization__in={message.organization_id for message in messages},
            provider__in=slugs,
        )
        self.rows = {row_key(row): row for row in rows}
        self.has_regions = any(row.region for row in self.rows.values())

    def standing(self, message: Message, slug: str, region: str = "") -> SenderStanding | None:
        sender = sender_at(message.organization, slug)
        return self.rows.get((message.organization_id, slug, sender, region))

    def closed(self, message: Message, slug: str) -> SenderStanding | None:
        """Returns what closes the message's sender at a provider, for everybody or for numbers of
        the recipient's country; None where it is open."""
        rows = [self.standing(message, slug)]
        if self.has_regions and (region := number_region(message.leg_to)):
            rows.append(self.standing(message, slug, region))
        return next((row for row in rows if row is not None and row.closed_at), None)

    def is_proven(self, message: Message, slug: str) -> bool:
        """Whether the provider has taken this sender, and has not refused it since."""
        row = self.standing(message, slug)
        return row is not None and row.closed_at is None and row.accepted_at is not None

    def admits(self, message: Message, slug: str) -> bool:
        """Whether a message may try this provider: its sender is open there, or due for a trial."""
        row = self.closed(message, slug)
        return row is None or is_trial_due(row)

    def enter(self, message: Message, slug: str) -> bool:
        """Whether a message goes through this provider now. One that is the trial of a closed
        sender goes alone; what waits with it waits for the next one."""
        row = self.closed(message, slug)
        return row is None or take_trial(row, message)


def row_key(row: SenderStanding) -> tuple[int, str, str, str]:
    return row.organization_id, row.provider, row.sender, row.region


def is_trial_due(row: SenderStanding) -> bool:
    return row.retry_at is None or row.retry_at <= timezone.now()


def take_trial(row: SenderStanding, message: Message) -> bool:
    """Makes a message the one that tries a closed sender; False if another one does already.

    Call it in the claim's transaction.
    """
    was, now = row.retry_at, timezone.now()
    if not is_trial_due(row):
        return False
    # Who is at it now, wins: two claims that wait for several of them could wait in a circle.
    unlocked = SenderStanding.objects.select_for_update(skip_locked=True)
    if not unlocked.filter(pk=row.pk, closed_at__isnull=False, retry_at=was).exists():
        # Until then the other trial's own time is known.
        row.retry_at = now + LOST_TRIAL_DELAY
        return False
    row.trials += 1
    row.retry_at = now + trial_pause(row.trials)
    SenderStanding.objects.filter(pk=row.pk).update(retry_at=row.retry_at, trials=row.trials)
    move_held(row, was, row.retry_at, but=message.pk)
    return True


def move_held(
    row: SenderStanding, was: datetime | None, then: datetime, *, but: Any = None
) -> None:
    """Has the messages that wait for a sender wait until another moment."""
    if was is None:
        return
    held = Message.objects.filter(organization=row.organization_id, send_after=was).exclude(pk=but)
    with transaction.atomic():
        # What somebody is at this moment at finds out by itself.
        unlocked = held.select_for_update(skip_locked=True).values("pk")
        Message.objects.filter(pk__in=unlocked).update(send_after=then)


def close_sender(
    organization: Organization, slug: str, sender: str, error: SenderRejected, *, to: str = ""
) -> SenderStanding:
    """Closes a sender at a provider, until a trial succeeds or `reopen_senders` is called.

    `to` is whom the refused message was for: some refusals are about numbers of one country.
    """
    region = number_region(to) if isinstance(error, SenderRejectedForRegion) else ""
    now = timezone.now()
    with transaction.atomic():
        row, _ = SenderStanding.objects.select_for_update().get_or_create(
            organization=organization, provider=slug, sender=sender, region=region
        )
        was = row.retry_at
        retry_at = was or now + trial_pause(0)
        if row.closed_at is None:
            row.closed_at, row.trials = now, 0
        if error.retry_after is not None:
            retry_at = now + max(error.retry_after, FIRST_TRIAL_AFTER)
        row.retry_at = retry_at
        row.error_code, row.detail = error.code[:80], sanitise(str(error))
        row.is_busy = isinstance(error, SenderBusy)
        row.save()
        move_held(row, was, retry_at)
    log.warning(
        "sender_closed",
        provider=slug,
        organization=organization.pk,
        code=error.code,
        retry_at=str(row.retry_at),
    )
    return row


def close_unfit(message: Message, slug: str, known: RouteSenders) -> SenderStanding:
    """Closes a sender that no provider of the route could ask for: it is of no kind they know."""
    row = known.closed(message, slug)
    if row is None:
        refusal = SenderRejected("It is no sender of its kind.", code="unfit")
        sender = sender_at(message.organization, slug)
        row = close_sender(message.organization, slug, sender, refusal)
    else:
        # Nothing is to be tried: what waits goes on waiting for another sender.
        take_trial(row, message)
    known.rows[row_key(row)] = row
    return row


def note_accepted(taken: Iterable[tuple[int, str, str, str]]) -> None:
    """Notes that providers took senders: organization, provider, sender and whom the message was
    for. What was closed is open again, and what waited for it leaves."""
    taken = list(taken)
    wanted = {(organization, slug, sender, "") for organization, slug, sender, _ in taken}
    if not wanted:
        return
    found = {
        row_key(row): row
        for row in SenderStanding.objects.filter(
            organization__in={organization for organization, _, _, _ in wanted},
            provider__in={slug for _, slug, _, _ in wanted},
        )
    }
    now = timezone.now()
    SenderStanding.objects.bulk_create(
        [
            SenderStanding(
                organization_id=organization, provider=slug, sender=sender, accepted_at=now
            )
            for organization, slug, sender, _ in sorted(wanted - set(found))
        ],
        ignore_conflicts=True,
    )
    if any(row.region for row in found.values()):
        wanted |= {
            (organization, slug, sender, number_region(to))
            for organization, slug, sender, to in taken
        }
    for key in sorted(wanted & set(found)):
        row = found[key]
        if row.closed_at is not None or row.accepted_at is None:
            open_sender(row, accepted_at=row.accepted_at or now)


def open_sender(row: SenderStanding, *, accepted_at: datetime | None) -> None:
    """Opens a closed sender: what waits for it is due."""
    with transaction.atomic():
        # A trial may have moved it since it was read, and with it what waits.
        known = SenderStanding.objects.select_for_update().filter(pk=row.pk)
        was = known.values_list("retry_at", flat=True).first()
        known.update(
            accepted_at=accepted_at,
            closed_at=None,
            retry_at=None,
            trials=0,
            is_busy=False,
            error_code="",
            detail="",
        )
        move_held(row, was, timezone.now())


def doubt_senders(organizations: Iterable[int], slug: str) -> None:
    """Has senders that shared a refused call travel alone until each is taken again."""
    SenderStanding.objects.filter(organization__in=organizations, provider=slug).update(
        accepted_at=None
    )


def reopen_senders(organization: Organization) -> None:
    """Has each closed sender of an organization tried at once: a person may have mended it."""
    for row in SenderStanding.objects.closed().filter(organization=organization):
        was, now = row.retry_at, timezone.now()
        SenderStanding.objects.filter(pk=row.pk).update(retry_at=now, trials=0)
        move_held(row, was, now)


def release_corrected() -> int:
    """Opens what is closed and nobody writes as any more: its organization has another sender now.

    Returns how many there were.
    """
    stale = [
        row
        for row in SenderStanding.objects.closed().select_related("organization")
        if not is_in_use(row)
    ]
    for row in stale:
        open_sender(row, accepted_at=None)
    return len(stale)


def is_in_use(row: SenderStanding) -> bool:
    """Whether its organization still writes as it, through a provider there is."""
    try:
        return sender_at(row.organization, row.provider) == row.sender
    except KeyError:
        return False
