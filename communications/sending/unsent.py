"""claimed -> not sent -> given back: what never left, and waits until it may.

What waits on for the reason that its timeline has already been told is put back as if it had not
been claimed: a storage that is away for a day would fill the timelines of all that wait.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from communications.errors import FileGone, FilesBusy, StorageAway
from communications.messages.transitions import lock_messages
from communications.models import Attempt, Call, Message
from communications.sending.claims import Claim
from communications.sending.outcomes import CallResult
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import FilesGone, NotReady, ProviderError, RateLimited

FILES_AWAY, FILES_GONE, FILES_BUSY = "files_away", "file_gone", "files_busy"
# How long a message waits whose files cannot be read, at first and at most.
FILES_PAUSE, FILES_PAUSE_AT_MOST = timedelta(seconds=15), timedelta(minutes=5)
FILES_BUSY_PAUSE = timedelta(seconds=2)
# For how long a file that is not there is looked for: a volume may be mounted late, and what was
# restored from a backup may come after its database.
LOOKED_FOR = timedelta(hours=1)


def defer(claim: Claim, why: str, delay_s: float) -> CallResult:
    """Gives a claim back unsent: as if the provider had said that it is too much."""
    stop = RateLimited(why, code="put_off", retry_after=timedelta(seconds=delay_s))
    return CallResult(claim, [stop] * len(claim.attempts))


def wait_for_files(claim: Claim, why: StorageAway | FileGone | FilesBusy) -> CallResult:
    """Gives a claim back unsent, because its files cannot be read now; for longer each time.

    A file that the storage does not have is looked for no longer than an hour.
    """
    return CallResult(claim, [files_error(claim, why)] * len(claim.attempts))


def files_error(claim: Claim, why: StorageAway | FileGone | FilesBusy) -> ProviderError:
    if isinstance(why, FilesBusy):
        return NotReady(str(why), code=FILES_BUSY, retry_after=FILES_BUSY_PAUSE, is_told=True)
    code = FILES_GONE if isinstance(why, FileGone) else FILES_AWAY
    waited = waited_for(claim.attempts[0], code)
    if waited is None:
        return NotReady(str(why), code=code, retry_after=FILES_PAUSE)
    if isinstance(why, FileGone) and waited >= LOOKED_FOR:
        return FilesGone(str(why), code=code)
    pause = min(max(waited, FILES_PAUSE), FILES_PAUSE_AT_MOST)
    return NotReady(str(why), code=code, retry_after=pause, is_told=True)


def waited_for(attempt: Attempt, code: str) -> timedelta | None:
    """Returns for how long a message has waited for its files; None if it does not say so yet."""
    earlier = Attempt.objects.filter(message=attempt.message_id, number__lt=attempt.number)
    last = earlier.order_by("number").last()
    if last is None or (last.error_class, last.error_code) != (NotReady.__name__, code):
        return None
    return timezone.now() - (last.finished_at or last.started_at)


def give_back_told(results: Sequence[CallResult]) -> list[CallResult]:
    """Puts back what waits on for a reason that is told; returns the results to be recorded."""
    return [called for called in results if not (is_told(called) and put_back(called))]


def is_told(called: CallResult) -> bool:
    return all(isinstance(result, NotReady) and result.is_told for result in called.results)


def put_back(called: CallResult) -> bool:
    """Takes back the attempts of a call that was not made, and has it due again after its pause.

    Returns False where something was learned or decided meanwhile, or the call is another's.
    """
    call, attempts = called.claim.call, called.claim.attempts
    due = timezone.now() + pause_of(called)
    with transaction.atomic():
        calls = Call.objects.select_for_update()
        ours = calls.filter(pk=call.pk, tries=call.tries, repeat_after__isnull=False).first()
        messages = lock_messages(attempt.message_id for attempt in attempts)
        if ours is None or not all(
            is_untouched(attempt, messages[attempt.message_id]) for attempt in attempts
        ):
            return False
        if call.tries == 1:
            # With its attempts.
            ours.delete()
            Message.objects.filter(pk__in=messages).update(send_after=due)
        else:
            Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).delete()
            Call.objects.filter(pk=call.pk).update(repeat_after=due)
    return True


def is_untouched(attempt: Attempt, message: Message) -> bool:
    """Whether a message and its attempt, locked now, are as the claim left them."""
    stored = [row.status for row in message.attempts.all() if row.pk == attempt.pk]
    decided = message.decision or message.send_after or message.leg != attempt.leg
    return stored == [Status.QUEUED] and not decided


def pause_of(called: CallResult) -> timedelta:
    pauses = [result.retry_after for result in called.results if isinstance(result, NotReady)]
    return max(pauses)
