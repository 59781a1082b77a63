"""claim -> provider.send -> result. No transaction is open while a provider is called."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from communications.errors import FileGone, FilesBusy, StorageAway
from communications.files import reading
from communications.models import Attachment, Attempt, Call, Message
from communications.policy import senders
from communications.policy.rates import throttling
from communications.providers import registry
from communications.providers.base import Accepted, Provider, Reply
from communications.sending import claims, unsent
from communications.sending.claims import LOST, Claim, is_repeatable, last_attempts
from communications.sending.outcomes import CallResult, record_outcomes
from communications.vocabulary.events import File, Media, Outbound, TemplateRef, TemplateValue
from wedsync_comms.lib.breaker import QUOTA
from wedsync_comms.lib.database.connections import give_back_connection
from wedsync_comms.lib.errors import (
    FilesGone,
    NoConnection,
    NotReady,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    QuotaExceeded,
    RateLimited,
    RefusedTogether,
    SenderRejected,
)

log = structlog.get_logger(__name__)

# Results that say nothing against the provider.
NOT_PROVIDERS_FAULT = (Accepted, PermanentError, RateLimited, SenderRejected)
# Results of calls that were not made.
NEVER_ASKED = (FilesGone, NotReady)
# Which part of a lease reading the files of a call may take: the rest is the provider's.
READING_SHARE, READING_AT_MOST_S = 1 / 3, 20.0
TAKEN_OVER = "Another process has taken it over."
SHARED = "It shared a request that was refused as a whole: each sender is asked for by itself."


def call_provider(claim: Claim) -> CallResult:
    """Sends what is claimed. Raises nothing that the provider caused; nothing is stored yet."""
    call = claim.call
    provider = registry.provider_for(call.provider)
    if call.tries == 1:
        carried = claim.attempts
    elif is_repeatable(call):
        # All that the call carries, also those that a repetition has nothing to learn about.
        carried = last_attempts(call)
    else:
        lost = OutcomeUnknown(LOST, code="lost")
        return CallResult(claim, [lost] * len(claim.attempts))
    try:
        outbounds = [as_outbound(attempt, provider) for attempt in carried]
    except (StorageAway, FileGone, FilesBusy) as why:
        return unsent.wait_for_files(claim, why)
    if any(outbound.attachments for outbound in outbounds) and not claims.renew_lease(call):
        # The files took their time; whoever has the call now decides what follows.
        gone = NotReady(TAKEN_OVER, code="taken_over", retry_after=timedelta(0))
        return CallResult(claim, [gone] * len(claim.attempts))
    # Others may have the connection while the provider takes its time.
    give_back_connection()
    reply = guarded_send(provider, outbounds, call)
    # At once, so that nothing more is sent to a provider that just asked us to stop.
    apply_provider_signals(call.provider, reply)
    obey_pair_limits(call.provider, carried, reply)
    reply = close_refused_senders(call.provider, carried, reply)
    ours = {attempt.pk for attempt in claim.attempts}
    answered = [pair for pair in zip(carried, reply.results, strict=True) if pair[0].pk in ours]
    attempts, results = [attempt for attempt, _ in answered], [result for _, result in answered]
    return CallResult(Claim(call, attempts), results)


def guarded_send(provider: Provider, outbounds: Sequence[Outbound], call: Call) -> Reply:
    try:
        return provider.send(outbounds, key=str(call.pk))
    except ProviderError as error:
        return Reply(results=[error] * len(outbounds))
    except Exception as error:
        # A bug of ours, after which nobody can say whether the request left.
        log.exception("provider_crashed", provider=call.provider, call=str(call.pk))
        lost = OutcomeUnknown(f"{type(error).__name__}: {error}", code="crashed")
        return Reply(results=[lost] * len(outbounds))


def conclude_calls(results: Sequence[CallResult]) -> None:
    """Tells the circuit breakers what came of calls, and records their outcomes."""
    feed_breakers(results)
    record_outcomes(unsent.give_back_told(results))


def as_outbound(attempt: Attempt, provider: Provider) -> Outbound:
    """Builds the request from columns that never change: a repeated call has the same bytes.

    Only `expires_at` may change meanwhile; no provider whose calls are repeated writes it down.
    Raises StorageAway, FileGone or FilesBusy where its files cannot be read.
    """
    files = [
        File(
            filename=file.filename,
            content_type=file.content_type,
            content=content,
            content_id=file.content_id,
        )
        for file, content in files_of(attempt.message)
    ]
    return replace(without_files(attempt, provider), attachments=tuple(files))


def without_files(attempt: Attempt, provider: Provider) -> Outbound:
    """Builds the request, but for its files: enough to ask for it."""
    message = attempt.message
    return Outbound(
        message=str(message.pk),
        call=str(attempt.call_id),
        sender=attempt.sender or provider.sender,
        to=attempt.to,
        subject=message.subject,
        text=message.body,
        html=message.html,
        reply_to=message.reply_to,
        headers=message.headers,
        media=tuple(Media(url=address) for address in message.media),
        template=template_of(message),
        expires_at=useful_until(attempt),
    )


def useful_until(attempt: Attempt) -> datetime | None:
    """Returns until when a provider may deliver it; None for as long as it likes.

    That is its own end, or the moment at which the next step of its plan takes over: a copy that
    comes after that would be a second one.
    """
    message = attempt.message
    next_step = message.escalate_at if message.leg == attempt.leg else None
    return min(filter(None, (message.expires_at, next_step)), default=None)


def files_of(message: Message) -> list[tuple[Attachment, bytes]]:
    """Returns the attachments with their bytes. Raises StorageAway, FileGone or FilesBusy."""
    if not message.has_attachments:
        return []
    rows = list(message.attachments.select_related("stored"))
    # Others may have the connection while the storage takes its time.
    give_back_connection()
    within_s = min(READING_AT_MOST_S, settings.LEASE_SECONDS * READING_SHARE)
    return list(zip(rows, reading.READER.read(rows, within_s), strict=True))


def template_of(message: Message) -> TemplateRef | None:
    """Returns the approved template that the message is sent as; None if it is free text."""
    ref = message.template_ref
    if not ref:
        return None
    values = ref.get("values")
    if values is None:
        # Composed by a release that knew texts only.
        values = [{"part": "body", "kind": "text", "value": value} for value in ref["parameters"]]
    return TemplateRef(
        name=ref["name"],
        language=ref["language"],
        values=tuple(TemplateValue(**value) for value in values),
    )


def apply_provider_signals(slug: str, reply: Reply) -> None:
    """Does as the provider says: its rate, a hold and less from now on (429), or a pause until a
    person mended it."""
    if reply.per_second is not None:
        registry.bucket_for(slug).learn(reply.per_second)
    stop = stop_signal(reply.results)
    if isinstance(stop, RateLimited):
        throttling.obey_provider(slug, stop.retry_after)
    elif isinstance(stop, QuotaExceeded):
        registry.breaker_for(slug).pause(str(stop), cause=QUOTA, lasts=stop.retry_after)
    elif stop is not None:
        registry.breaker_for(slug).pause(str(stop))
    elif any(isinstance(result, Accepted) for result in reply.results):
        registry.bucket_for(slug).rise()


def obey_pair_limits(slug: str, carried: Sequence[Attempt], reply: Reply) -> None:
    """Leaves those people alone to whom a sender has written too often, and nobody else."""
    for attempt, result in zip(carried, reply.results, strict=True):
        if isinstance(result, RateLimited) and result.for_recipient:
            throttling.obey_pair(slug, senders.sender_of(attempt), attempt.to, result.retry_after)


def close_refused_senders(slug: str, carried: Sequence[Attempt], reply: Reply) -> Reply:
    """Closes the senders that the provider refuses to take, for their organizations.

    A call of several senders that is refused as a whole says nothing about each of them: they are
    sent again, each by itself.
    """
    pairs = [
        (attempt, result)
        for attempt, result in zip(carried, reply.results, strict=True)
        if isinstance(result, SenderRejected)
    ]
    if not pairs:
        return reply
    own = {(attempt.message.organization_id, senders.sender_of(attempt)) for attempt, _ in pairs}
    is_whole = len(pairs) == len(reply.results) and len({id(result) for _, result in pairs}) == 1
    if is_whole and len({sender for _, sender in own}) > 1:
        senders.doubt_senders({organization for organization, _ in own}, slug)
        return replace(reply, results=[RefusedTogether(SHARED, code="shared")] * len(carried))
    refused = {
        (attempt.message.organization_id, senders.sender_of(attempt)): (attempt, result)
        for attempt, result in pairs
    }
    for (_, sender), (attempt, result) in refused.items():
        senders.close_sender(attempt.message.organization, slug, sender, result, to=attempt.to)
    return reply


def stop_signal(results: Iterable[Accepted | ProviderError]) -> Accepted | ProviderError | None:
    """Returns the first result that asks to stop calling the provider; None if none does."""
    return next((result for result in results if asks_to_stop(result)), None)


def asks_to_stop(result: Accepted | ProviderError) -> bool:
    if isinstance(result, RateLimited):
        return not result.for_recipient
    return isinstance(result, ProviderPaused)


def connection_failure(called: CallResult) -> NoConnection | None:
    """Returns why nothing of a call has left; None if it has, or if it was never tried."""
    return next((found for found in called.results if isinstance(found, NoConnection)), None)


def tells_of_provider(called: CallResult) -> bool:
    """Whether a call says if the provider works: one that wants to be left alone does not, and
    nor does one that was not reached, unless that was to be its trial."""
    if any(asks_to_stop(res) or isinstance(res, NEVER_ASKED) for res in called.results):
        return False
    breaker = registry.breaker_for(called.claim.call.provider)
    return not connection_failure(called) or breaker.state().state != "closed"


def feed_breakers(calls: Sequence[CallResult]) -> None:
    """Tells the circuit breakers whether the providers did their part.

    One outcome a call, however many messages it carried, so one failed batch is one failure.
    """
    outcomes: dict[str, list[tuple[str, bool]]] = {}
    for called in calls:
        if called.results and tells_of_provider(called):
            did_its_part = all(isinstance(res, NOT_PROVIDERS_FAULT) for res in called.results)
            subject = str(called.claim.attempts[0].message_id)
            outcomes.setdefault(called.claim.call.provider, []).append((subject, did_its_part))
    for slug, fed in outcomes.items():
        if state := registry.breaker_for(slug).record(fed):
            log.warning("breaker", provider=slug, state=state)
