"""What became of a message that is here: written anew, taken back, answered with an emoji. And what
somebody of ours wrote with the provider's own app."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from communications.errors import Unmatched
from communications.live import event_stream
from communications.models import Attempt, Call, Direction, Message, Organization
from communications.models import Event as Row
from communications.receiving import edits, inbound
from communications.receiving.consent import apply_side_effects, consent_of
from communications.receiving.identities import owners_of, receiving_organizations
from communications.receiving.writers import find_sender
from communications.vocabulary.events import (
    Kind,
    MessageDeleted,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)
from communications.vocabulary.statuses import Status
from wedsync_comms.lib.text import sanitise

MAX_REACTIONS = 200
ECHO_DETAIL = "Written with the app on the telephone."

MessageChange = MessageEchoed | MessageEdited | MessageDeleted | ReactionChanged


def apply_message_change(webhook: str, event: MessageChange, event_id: str) -> int:
    """Applies what became of a message; returns the id of its organization.

    Raises Unmatched where it is nobody's, or is about a message that is not here yet.
    """
    match event:
        case MessageEchoed():
            return apply_echo(webhook, event, event_id)
        case MessageEdited():
            return apply_edit(webhook, event, event_id)
        case MessageDeleted():
            return apply_deletion(webhook, event, event_id)
        case _:
            return apply_reaction(webhook, event, event_id)


# --- written anew, taken back ---


def apply_edit(webhook: str, event: MessageEdited, event_id: str) -> int:
    """Puts the new text in place of the old one, which is kept.

    An edit that comes before its message takes its place, until that comes.
    """
    wanted = Direction.OUTBOUND if event.is_echo else Direction.INBOUND
    message = find_target(webhook, event.message.channel, event.message.to, event.original, wanted)
    if message is None and event.is_echo:
        raise Unmatched(f"The message {event.original} that was edited is not here.")
    if message is None:
        written_at = event.message.occurred_at.isoformat()
        content = {**event.message.content, edits.FIRST_EDIT: written_at}
        first = {**vars(event.message), "provider_id": event.original, "content": content}
        owner = inbound.receive_message(webhook, MessageReceived(**first), event_id)
        message = find_target(
            webhook, event.message.channel, event.message.to, event.original, wanted
        )
        if message is None:
            return owner
        # The message itself, or another edit, may have come this moment. Of what this one made,
        # the timeline has it already.
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message.pk)
        if note_change(message, Kind.EDITED, event.message, event_id, f"Before: {message.body}"):
            columns = inbound.content_columns(event.message)
            edits.replace_text(message, columns, event.message.occurred_at)
            message.save(update_fields=edits.COLUMNS)
            if message.direction == Direction.INBOUND:
                follow_new_words(message.organization, message, event.message)
    return message.organization_id


def follow_new_words(organization: Organization, message: Message, event: MessageReceived) -> None:
    """Hears what the new words say about being written to."""
    consent = consent_of(organization, event)
    if consent and consent != message.consent:
        message.consent = consent
        message.save(update_fields=["consent", "updated_at"])
        contact = None if event.group else find_sender(organization, event)
        apply_side_effects(organization, event, contact, consent)


def apply_deletion(webhook: str, event: MessageDeleted, event_id: str) -> int:
    """Marks a message as taken back. What it said stays: somebody may have acted on it."""
    wanted = Direction.OUTBOUND if event.is_echo else Direction.INBOUND
    message = find_target(webhook, event.channel, (event.to,), event.original, wanted)
    if message is None:
        raise Unmatched(f"The message {event.original} that was taken back is not here.")
    with transaction.atomic():
        if note_change(message, Kind.DELETED, event, event_id, ""):
            Message.objects.filter(pk=message.pk, deleted_at=None).update(
                deleted_at=event.occurred_at, updated_at=timezone.now()
            )
    return message.organization_id


# --- reactions ---


def apply_reaction(webhook: str, event: ReactionChanged, event_id: str) -> int:
    """Ties an emoji to its message; blank takes the person's earlier one away.

    What was reacted to may be from before our time: then the emoji is a message of its own.
    """
    message = find_target(webhook, event.message.channel, event.message.to, event.original)
    if message is None:
        if event.is_echo:
            raise Unmatched(f"The message {event.original} that was reacted to is not here.")
        if not event.emoji:
            return owner_of(webhook, event.message).pk
        return inbound.receive_message(webhook, event.message, event_id)
    detail = f"Answered with {event.emoji}" if event.emoji else "The emoji was taken back."
    with transaction.atomic():
        message = Message.objects.select_for_update().get(pk=message.pk)
        if note_change(message, Kind.REACTED, event.message, event_id, detail):
            message.reactions = reactions_after(message.reactions, event)
            message.save(update_fields=["reactions", "updated_at"])
    return message.organization_id


def reactions_after(before: list[dict[str, str]], event: ReactionChanged) -> list[dict[str, str]]:
    """Returns the reactions of everybody: one of each person, the newest of theirs."""
    by, at = sanitise(event.message.sender)[:320], event.message.occurred_at.isoformat()
    own = [reaction for reaction in before if reaction["by"] == by]
    if any(reaction["at"] > at for reaction in own):
        return before
    others = [reaction for reaction in before if reaction["by"] != by]
    new = {"by": by, "emoji": sanitise(event.emoji)[:40], "at": at}
    # One that was taken back keeps its time, so that an older one that comes late is not put back.
    return [*others, new][-MAX_REACTIONS:]


# --- what somebody of ours wrote with the provider's own app ---


def apply_echo(webhook: str, event: MessageEchoed, event_id: str) -> int:
    """Puts what was written on a telephone of ours into the thread of who it was written to."""
    echoed = event.message
    # As if they had written to us: of several behind one number it is who wrote to them last.
    ends = {"sender": echoed.to[0], "to": (event.identity,)}
    recipient = MessageReceived(**{**vars(echoed), **ends})
    organization = owner_of(webhook, recipient)
    if inbound.find_message(organization, webhook, echoed.provider_id) is not None:
        return organization.pk
    with transaction.atomic():
        contact = None if echoed.group else find_sender(organization, recipient)
        message = Message.objects.create(
            **{
                **inbound.message_columns(organization, contact, webhook, echoed, echoed.to[0]),
                "organization": organization,
                "direction": Direction.OUTBOUND,
                "provider": inbound.carrying_provider(webhook, echoed.channel),
                "provider_id": sanitise(echoed.provider_id)[:255],
                "sender": event.identity[:320],
                "leg_to": sanitise(echoed.to[0])[:320],
                "status": Status.SENT,
                "is_echo": True,
            }
        )
        attempt = add_attempt(message, echoed)
        columns = inbound.event_columns(message, echoed, event_id, Kind.COMPOSED)
        said = {"attempt": attempt, "detail": ECHO_DETAIL, "status": Status.SENT, "changed": True}
        Row.objects.create(**columns | said)
        event_stream.announce_events()
    return organization.pk


def add_attempt(message: Message, event: MessageReceived) -> Attempt:
    """Stands for what the app did, so that receipts find the message."""
    call = Call.objects.create(provider=message.provider, tries=1)
    return Attempt.objects.create(
        message=message,
        call=call,
        number=1,
        sender=message.sender,
        to=message.to,
        provider=message.provider,
        provider_id=message.provider_id,
        status=Status.SENT,
        started_at=event.occurred_at,
        finished_at=event.occurred_at,
    )


# --- which, whose, and once ---


def find_target(
    webhook: str,
    channel: str,
    to: Iterable[str],
    provider_id: str,
    direction: Direction | None = None,
) -> Message | None:
    """Returns the message that a change is about, of an organization that has our end of it.

    `direction` is whose it must be: nobody edits what somebody else wrote. None: it is not here.
    """
    owners = [owner for identity in to for owner in owners_of(webhook, channel, identity)]
    for message in inbound.messages_called(provider_id, webhook, owners):
        if direction in {None, message.direction}:
            return message
    return None


def owner_of(webhook: str, event: MessageReceived) -> Organization:
    return receiving_organizations(webhook, event)[0][0]


def note_change(message: Message, kind: Kind, event: Any, event_id: str, detail: str) -> bool:
    """Appends what happened to the message's timeline; False if it stands there already."""
    columns = inbound.event_columns(message, event, event_id, kind)
    key = {name: columns.pop(name) for name in ("provider", "event_id", "message")}
    _, is_new = Row.objects.get_or_create(**key, defaults=columns | {"detail": detail})
    if is_new:
        event_stream.announce_events()
    return is_new
