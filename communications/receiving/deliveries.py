"""verify -> store -> (commit, 2xx) -> parse -> apply each event: what happens to a webhook.

Stored means safe: from then on a bug or a crash only delays.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.errors import Unmatched
from communications.models import WebhookDelivery
from communications.providers import registry
from communications.providers.base import Provider
from communications.receiving import template_catalogue
from communications.receiving.consent import apply_consent, close_everywhere
from communications.receiving.contact_moves import apply_contact_moved
from communications.receiving.inbound import receive_message
from communications.receiving.inbox import Inbox, fairness_key
from communications.receiving.message_changes import apply_message_change
from communications.receiving.receipts import apply_status
from communications.vocabulary.events import (
    AddressClosed,
    ConsentChanged,
    ContactMoved,
    Event,
    MessageDeleted,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
    Source,
    StatusChanged,
    TemplateChanged,
)
from wedsync_comms.lib import shared_state, tally, wakeup
from wedsync_comms.lib.errors import InvalidSignature
from wedsync_comms.lib.text import sanitise
from wedsync_comms.lib.web.webhook_request import WebhookRequest

log = structlog.get_logger(__name__)
T = TypeVar("T")

# What wakes whoever applies deliveries.
INBOX = "inbox"
# A receipt may beat the commit of the attempt it is about: the first tries follow quickly. The
# later ones are for the fix of a bug. After the last, a person decides.
REPLAY_PAUSES_SECONDS = (1, 2, 5, 15, 60, 300, 1800, 7200)
# Kept with the delivery; cookies and credentials of whoever posted are none of our business.
DROPPED_HEADERS = {"authorization", "cookie", "proxy-authorization"}


def webhook_provider(webhook: str) -> Provider:
    """Returns the provider that answers for a path. Raises KeyError if none is configured."""
    slugs = registry.for_webhook(webhook)
    if not slugs:
        raise KeyError(webhook)
    return registry.provider_for(slugs[0])


def verify_delivery(webhook: str, request: WebhookRequest) -> str:
    """Returns the event's id, by whichever account's secret signed it.

    Raises what `receive_delivery` raises.
    """
    refusal: InvalidSignature | None = None
    for slug in registry.for_webhook(webhook):
        try:
            return registry.provider_for(slug).verify(request)
        except InvalidSignature as error:
            refusal = error
    raise refusal or KeyError(webhook)


def receive_delivery(slug: str, request: WebhookRequest) -> bool:
    """Stores a verified delivery; False if it was stored before.

    Raises InvalidSignature or MalformedRequest, and KeyError for a provider not configured.
    """
    try:
        event_id = verify_delivery(slug, request)
    except InvalidSignature:
        count_forged(slug)
        raise
    now = timezone.now()
    delivery = WebhookDelivery(
        provider=slug,
        event_id=event_id[:255],
        url=request.url,
        headers={k: v for k, v in request.headers.items() if k not in DROPPED_HEADERS},
        body=request.body,
        fairness_key=fairness_key(slug, webhook_provider(slug), request),
        received_at=now,
        apply_after=now,
    )
    try:
        with transaction.atomic():
            delivery.save(force_insert=True)
            transaction.on_commit(lambda: wakeup.wake(INBOX))
    except IntegrityError:
        log.info("delivery", provider=slug, event_id=event_id, outcome="duplicate")
        return False
    log.info("delivery", provider=slug, event_id=event_id, outcome="stored", delivery=delivery.pk)
    return True


def forged_counter(webhook: str) -> str:
    """Returns the name under which `lib.tally` counts refused signatures of a webhook."""
    return f"forged:{webhook}"


def count_forged(webhook: str) -> None:
    """Counts a refused signature, and stores no row: a thousand must not fill our tables."""
    try:
        tally.count_event(forged_counter(webhook))
    except shared_state.Unavailable as error:
        log.warning("forged_not_counted", provider=webhook, error=str(error))


def apply_due(inbox: Inbox | None = None) -> int:
    """Applies what is due, and returns how many deliveries that were.

    Whoever does it again and again keeps the `inbox`, which remembers whose turn it is.
    """
    taken = (inbox or Inbox()).claim()
    for delivery in taken:
        apply_delivery(delivery)
    return len(taken)


def apply_delivery(delivery: WebhookDelivery) -> bool:
    """Applies each event by itself: one that fails loses none of the others. Safe to repeat."""
    errors: list[str] = []
    organizations: list[int] = []
    events = try_step(partial(read_events, delivery), errors) or []
    for index, event in enumerate(events):
        event_id = f"{delivery.event_id}#{index}" if index else delivery.event_id
        found = try_step(partial(apply_provider_event, delivery.provider, event, event_id), errors)
        if found is not None:
            organizations.append(found)
    finish_delivery(delivery, errors, organizations)
    return not errors


def read_events(delivery: WebhookDelivery) -> list[Event]:
    provider = webhook_provider(delivery.provider)
    request = as_webhook_request(delivery)
    delivery.type = sanitise(provider.event_type(request))
    return list(provider.parse(request))


def try_step(step: Callable[[], T], errors: list[str]) -> T | None:
    """Returns the step's result; or None, and adds what was in the way to `errors`."""
    try:
        return step()
    except Unmatched as error:
        errors.append(str(error))
    except Exception as error:
        # Whatever it is, the delivery is safe and the others must go on. It is shown to staff with
        # the delivery, and to us here.
        log.exception("event_not_applied")
        errors.append(f"{type(error).__name__}: {error}")
    return None


def finish_delivery(delivery: WebhookDelivery, errors: list[str], organizations: list[int]) -> None:
    now = timezone.now()
    delivery.tries += 1
    delivery.error = sanitise("\n".join(errors))
    delivery.organization_id = organizations[0] if organizations else delivery.organization_id
    if errors:
        left = REPLAY_PAUSES_SECONDS[delivery.tries - 1 : delivery.tries]
        delivery.apply_after = now + timedelta(seconds=left[0]) if left else None
    else:
        delivery.applied_at, delivery.apply_after = now, None
    delivery.save(
        update_fields=["type", "tries", "error", "organization", "apply_after", "applied_at"],
    )
    log.info(
        "applied",
        delivery=delivery.pk,
        provider=delivery.provider,
        type=delivery.type,
        organization=delivery.organization_id,
        outcome="waiting" if errors else "applied",
        tries=delivery.tries,
    )


def as_webhook_request(delivery: WebhookDelivery) -> WebhookRequest:
    """Returns the stored delivery as the request that it came as."""
    return WebhookRequest(
        method="POST",
        url=delivery.url,
        headers=delivery.headers,
        body=bytes(delivery.body),
    )


def replay_delivery(delivery: WebhookDelivery) -> bool:
    """Applies it again, whatever became of it before. What is known already changes nothing."""
    return apply_delivery(delivery)


def apply_provider_event(webhook: str, event: Event, event_id: str) -> int | None:
    """Returns the organization it was about, if it was about one. Raises Unmatched."""
    match event:
        case StatusChanged():
            return apply_status(webhook, event, event_id, Source.WEBHOOK)
        case MessageReceived():
            return receive_message(webhook, event, event_id)
        case MessageEchoed() | MessageEdited() | MessageDeleted() | ReactionChanged():
            return apply_message_change(webhook, event, event_id)
        case _:
            return apply_account_event(webhook, event)


def apply_account_event(
    webhook: str, event: ConsentChanged | ContactMoved | TemplateChanged | AddressClosed
) -> int | None:
    """Applies what is about no single message; returns the organization as the others do."""
    match event:
        case ConsentChanged():
            return apply_consent(webhook, event)
        case ContactMoved():
            return apply_contact_moved(webhook, event)
        case TemplateChanged():
            template_catalogue.apply_template_change(webhook_provider(webhook).channel, event)
        case _:
            close_everywhere(webhook_provider(webhook).channel, event)
    return None
