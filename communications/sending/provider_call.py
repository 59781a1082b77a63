"""claim -> provider.send -> answer -> settle. No transaction is open while a provider is asked."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import structlog

from communications.models import Attachment, Attempt, Call, Message
from communications.providers import registry
from communications.providers.base import Accepted, Provider, Reply
from communications.sending.claims import (
    LOST,
    Claim,
    is_repeatable,
    last_attempts,
)
from communications.sending.outcomes import (
    Answer,
    settle,
)
from communications.vocabulary.events import (
    File,
    Media,
    Outbound,
    TemplateRef,
)
from wedsync_comms.lib.errors import (
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    ProviderPaused,
    RateLimited,
)

log = structlog.get_logger(__name__)

# Results that say nothing against the provider.
INNOCENT = (Accepted, PermanentError, RateLimited)


def ask(claimed: Claim) -> Answer:
    """Asks the provider. Raises nothing that the provider caused; nothing is stored yet."""
    provider = registry.provider(claimed.call.provider)
    if claimed.call.tries == 1:
        carried = claimed.attempts
    elif is_repeatable(claimed.call):
        # All that the call carries, also those that a repetition has nothing to learn about.
        carried = last_attempts(claimed.call)
    else:
        lost = OutcomeUnknown(LOST, code="lost")
        return Answer(claimed, [lost] * len(claimed.attempts))
    outbounds = [as_outbound(one, provider) for one in carried]
    reply = replied(provider, outbounds, claimed.call)
    # At once, so that nothing more is sent to a provider that just asked us to stop.
    heed(claimed.call.provider, reply)
    ours = {one.pk for one in claimed.attempts}
    answered = [pair for pair in zip(carried, reply.results, strict=True) if pair[0].pk in ours]
    attempts, results = [one for one, _ in answered], [result for _, result in answered]
    return Answer(Claim(claimed.call, attempts), results)


def replied(provider: Provider, outbounds: Sequence[Outbound], call: Call) -> Reply:
    try:
        return provider.send(outbounds, key=str(call.pk))
    except ProviderError as error:
        return Reply(results=[error] * len(outbounds))
    except Exception as error:
        # A bug of ours, after which nobody can say whether the request left.
        log.exception("provider_crashed", provider=call.provider, call=str(call.pk))
        lost = OutcomeUnknown(f"{type(error).__name__}: {error}", code="crashed")
        return Reply(results=[lost] * len(outbounds))


def put_off(claimed: Claim, why: str, seconds: float) -> Answer:
    """Not asked at all: as if the provider had said that it is too much."""
    stop = RateLimited(why, code="put_off", retry_after=timedelta(seconds=seconds))
    return Answer(claimed, [stop] * len(claimed.attempts))


def conclude(answers: Sequence[Answer]) -> None:
    """Judges the providers by their answers, and settles the claims."""
    judge(answers)
    settle(answers)


def as_outbound(one: Attempt, provider: Provider) -> Outbound:
    """Built from columns that never change, so that a repeated call has the same bytes."""
    message = one.message
    return Outbound(
        message=str(message.pk),
        call=str(one.call_id),
        sender=one.sender or provider.sender,
        to=one.to,
        subject=message.subject,
        text=message.body,
        html=message.html,
        reply_to=message.reply_to,
        headers=message.headers,
        attachments=tuple(
            File(
                filename=file.filename,
                content_type=file.content_type,
                content=bytes(file.content),
            )
            for file in files_of(message)
        ),
        media=tuple(Media(url=address) for address in message.media),
        template=template_of(message),
        expires_at=message.expires_at,
    )


def files_of(message: Message) -> Iterable[Attachment]:
    return message.attachments.all() if message.has_attachments else ()


def template_of(message: Message) -> TemplateRef | None:
    ref = message.template_ref
    if not ref:
        return None
    return TemplateRef(
        name=ref["name"],
        language=ref["language"],
        parameters=tuple(ref["parameters"]),
    )


def heed(slug: str, reply: Reply) -> None:
    """Does as the provider says: its rate, a pause, or no more until a person mended something."""
    if reply.per_second is not None:
        registry.bucket(slug).learn(reply.per_second)
    stop = stop_in(reply.results)
    if isinstance(stop, RateLimited):
        registry.bucket(slug).hold(stop.retry_after.total_seconds())
    elif stop is not None:
        registry.breaker(slug).pause(str(stop))


def stop_in(results: Iterable[Accepted | ProviderError]) -> Accepted | ProviderError | None:
    return next((one for one in results if asks_to_stop(one)), None)


def asks_to_stop(result: Accepted | ProviderError) -> bool:
    if isinstance(result, RateLimited):
        return not result.for_recipient
    return isinstance(result, ProviderPaused)


def judge(answers: Sequence[Answer]) -> None:
    """Tells the breakers whether the providers did their part: one outcome a call, however many
    messages it carried, so one failed batch is one failure."""
    outcomes: dict[str, list[tuple[str, bool]]] = {}
    for one in answers:
        if one.results and not any(asks_to_stop(result) for result in one.results):
            did_its_part = all(isinstance(result, INNOCENT) for result in one.results)
            subject = str(one.claimed.attempts[0].message_id)
            outcomes.setdefault(one.claimed.call.provider, []).append((subject, did_its_part))
    for slug, found in outcomes.items():
        if state := registry.breaker(slug).record(found):
            log.warning("breaker", provider=slug, state=state)
