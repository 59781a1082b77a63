"""claim -> provider.send -> settle. No transaction is open while a provider is asked."""

from collections.abc import Sequence

import structlog

from communications.claim import LOST, Claim, is_repeatable, last_attempts
from communications.events import File, Media, Outbound, TemplateRef
from communications.models import Attempt, Message
from communications.providers import registry
from communications.providers.base import Accepted, Provider, Reply
from communications.settle import settle
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


def send(claimed: Claim) -> None:
    """Asks the provider and settles the claim. Raises nothing that the provider caused."""
    slug = claimed.call.provider
    provider = registry.provider(slug)
    if claimed.call.tries > 1 and not is_repeatable(claimed.call):
        lost = OutcomeUnknown(LOST, code="lost")
        settle(claimed, [lost] * len(claimed.attempts))
        return
    # All that the call carries, also those that a repetition has nothing to learn about.
    carried = last_attempts(claimed.call)
    outbounds = [as_outbound(one, provider) for one in carried]
    try:
        reply = provider.send(outbounds, key=str(claimed.call.pk))
    except ProviderError as error:
        reply = Reply(results=[error] * len(outbounds))
    except Exception as error:
        # A bug of ours, after which nobody can say whether the request left.
        log.exception("provider_crashed", provider=slug, call=str(claimed.call.pk))
        lost = OutcomeUnknown(f"{type(error).__name__}: {error}", code="crashed")
        reply = Reply(results=[lost] * len(outbounds))
    ours = {one.pk for one in claimed.attempts}
    answered = [pair for pair in zip(carried, reply.results, strict=True) if pair[0].pk in ours]
    try:
        # First, so that nothing is claimed for a provider that just asked us to stop.
        judge(slug, carried, reply)
    finally:
        attempts, results = [one for one, _ in answered], [result for _, result in answered]
        settle(Claim(claimed.call, attempts), results)


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
            for file in message.attachments.all()
        ),
        media=tuple(Media(url=address) for address in message.media),
        template=template_of(message),
        expires_at=message.expires_at,
    )


def template_of(message: Message) -> TemplateRef | None:
    ref = message.template_ref
    if not ref:
        return None
    return TemplateRef(
        name=ref["name"],
        language=ref["language"],
        parameters=tuple(ref["parameters"]),
    )


def judge(slug: str, carried: Sequence[Attempt], reply: Reply) -> None:
    """Tells the breaker and the limiter what the provider made of the call."""
    bucket, breaker = registry.bucket(slug), registry.breaker(slug)
    if reply.per_second is not None:
        bucket.learn(reply.per_second)
    for result in reply.results:
        if isinstance(result, RateLimited) and not result.for_recipient:
            bucket.hold(result.retry_after.total_seconds())
            return
        if isinstance(result, ProviderPaused):
            breaker.pause(str(result))
            return
    # One outcome a call, however many messages it carried: one failed batch is one failure.
    did_its_part = all(isinstance(one, INNOCENT) for one in reply.results)
    if state := breaker.record([(str(one.message_id), did_its_part) for one in carried[:1]]):
        log.warning("breaker", provider=slug, state=state)
