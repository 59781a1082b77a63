"""May a call be made again? The same questions as before the first time, about all it carries.

A key stands for one body: a call is repeated as it was, or not at all. So when one of its messages
may not be sent any more, nobody is asked again, and each message is settled by itself.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils import timezone

from communications.messages.transitions import Change, SendPlan, record
from communications.models import Attempt, Call
from communications.policy.eligibility import refuse_unsendable
from communications.vocabulary.events import Kind
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.errors import OutcomeUnknown, ServerFailed
from wedsync_comms.lib.text import as_sentence

GONE_ON = "its plan has gone on to the next step."
ANOTHER_WAY = "it may not go that way any more."
NOT_CARRIED_OUT = "The provider failed twice over the same key, so it has carried out nothing."


def refusals_to_repeat(attempts: Sequence[Attempt]) -> dict[UUID, str]:
    """Returns, by message id, why a message may not be sent any more; empty if all may be."""
    decided = {
        attempt.message_id: obstacle
        for attempt in attempts
        if (obstacle := decided_meanwhile(attempt))
    }
    asked = [attempt.message for attempt in attempts if attempt.message_id not in decided]
    refused = refuse_unsendable(asked)
    return decided | {
        pk: ANOTHER_WAY if change.plan else change.detail for pk, change in refused.items()
    }


def decided_meanwhile(attempt: Attempt) -> str:
    """Returns what was decided about a message since its call was made; blank if nothing was."""
    message = attempt.message
    if message.decision:
        return f"it is {message.decision}."
    return GONE_ON if message.leg != attempt.leg else ""


def withdraw_call(call: Call, attempts: Sequence[Attempt], reasons: Mapping[UUID, str]) -> None:
    """Ends a call that has no answer and may not be repeated, and settles what it carried.

    Where the provider surely has none of it, those that may be sent leave by a new call with a new
    key. Else all stay `unknown`, and are found out like every lost answer
    (`reconciliation.resolve_unknown`). Call it in the claim's transaction.
    """
    Call.objects.filter(pk=call.pk).update(repeat_after=None)
    if was_not_carried_out(call, attempts[0]):
        for attempt in attempts:
            record(settled_unsent(attempt, NOT_CARRIED_OUT))
    else:
        record([withdrawal(attempt, reasons.get(attempt.message_id)) for attempt in attempts])


def was_not_carried_out(call: Call, attempt: Attempt) -> bool:
    """Returns whether the provider has said by now that it did nothing.

    Had it carried out an earlier call with this key, the last would have returned its result. A try
    that had no answer proves nothing: it may still arrive.
    """
    tries = call.attempts.filter(message=attempt.message_id).order_by("number")
    errors = list(tries.values_list("error_class", flat=True))
    failed, silent = (errors.count(kind.__name__) for kind in (ServerFailed, OutcomeUnknown))
    return errors[-1] == ServerFailed.__name__ and failed > 1 and not silent


def settled_unsent(attempt: Attempt, why: str) -> list[Change]:
    """Returns the end of an attempt that surely never left, and what follows for its message.

    It is sent anew, unless it may not be sent any more, or has moved on meanwhile.
    """
    end = attempt_given_up(attempt, why)
    message = attempt.message
    if message.send_after is not None or decided_meanwhile(attempt):
        return [end]
    refusal = refuse_unsendable([message]).get(message.pk)
    return [end, refusal or resend_now(attempt, "It is safe to send it again.")]


def withdrawal(attempt: Attempt, why: str | None) -> Change:
    """Returns the line in the timeline that says why nobody is asked again."""
    reason = why or "something else in the same request may not be sent any more."
    return Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        detail=f"Not asked again: {as_sentence(reason)} Finding out whether it has left.",
    )


def attempt_given_up(attempt: Attempt, why: str) -> Change:
    return Change(
        message=attempt.message_id,
        attempt=attempt.pk,
        kind=Kind.GIVEN_UP,
        status=Status.FAILED,
        provider=attempt.provider,
        error_code=attempt.error_code,
        detail=why,
    )


def resend_now(attempt: Attempt, why: str) -> Change:
    return Change(
        message=attempt.message_id,
        kind=Kind.RETRY,
        provider=attempt.provider,
        plan=SendPlan(timezone.now()),
        detail=why,
    )
