"""An entry of Meta's messages -> what somebody wrote, or what became of an earlier message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from communications.providers.whatsapp.contents import read_contents
from communications.vocabulary import renumberings
from communications.vocabulary.events import (
    ContactMoved,
    Event,
    MessageDeleted,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)
from wedsync_comms.lib.shapes import as_dict, as_dicts, plausible_moment

# Inbound messages that do not open the 24-hour window.
WINDOWLESS = {"system", "reaction", "unsupported"}


def received_events(value: dict[str, Any]) -> Iterator[Event]:
    people = as_dicts(value.get("contacts"))
    to = phone_number_id(value)
    if not value.get("messages"):
        # Receipts name whom they are about, and by that the id of somebody known by the number.
        yield from known_ids(people, to)
    for message in as_dicts(value.get("messages")):
        yield from inbound_events(message, sender_profile(message, people), to)


def inbound_events(message: dict[str, Any], person: Mapping[str, Any], to: str) -> Iterator[Event]:
    """Yields what an entry among messages tells: mostly a message, and sometimes what became of
    an earlier one."""
    kind = str(message.get("type", ""))
    if kind in CHANGES:
        yield CHANGES[kind](message, person, to)
        return
    yield meta_message(message, person, to)
    moved = as_dict(message.get("system"))
    if kind == "system" and str(moved.get("type")) in MOVES:
        yield contact_moved(message, moved, to)


def sender_profile(message: Mapping[str, Any], people: list[dict[str, Any]]) -> Mapping[str, Any]:
    """Returns the entry of `contacts` that is about who wrote; ids may stand there alone."""
    ids = {str(message.get(name)) for name in ("from", "from_user_id") if message.get(name)}
    named = (
        person for person in people if ids & {str(person.get("wa_id")), str(person.get("user_id"))}
    )
    return next(named, people[0] if len(people) == 1 else {})


def meta_message(message: dict[str, Any], person: Mapping[str, Any], to: str) -> MessageReceived:
    kind = str(message.get("type", ""))
    found = read_contents(message)
    profile = as_dict(person.get("profile"))
    handle = str(message.get("from_user_id") or person.get("user_id") or "")
    # Since 2026 a person with a user name may write without showing a number.
    sender = str(message.get("from") or person.get("wa_id") or handle)
    group = str(message.get("group_id") or "")
    return MessageReceived(
        channel="whatsapp",
        provider_id=str(message.get("id") or ""),
        sender=as_e164(sender),
        sender_name=str(profile.get("name") or profile.get("username") or ""),
        handle=handle,
        to=(to,),
        subject="",
        text=found.text,
        content=found.content,
        media=found.media,
        quotes=str(as_dict(message.get("context")).get("id") or ""),
        group=group,
        occurred_at=parse_unix_time(message.get("timestamp")),
        opens_service_window=kind not in WINDOWLESS and not group,
        template_button=template_button(kind, message),
    )


def template_button(kind: str, message: dict[str, Any]) -> tuple[str, ...]:
    """Returns what a template's quick reply says and carries; empty for anything else."""
    if kind != "button":
        return ()
    value = as_dict(message.get("button"))
    return tuple(str(value.get(name) or "") for name in ("text", "payload"))


# --- what became of an earlier message ---

# https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system
# The second word is what older versions of the API say.
MOVES = {"user_changed_number", "customer_changed_number", "user_changed_user_id"}


def reaction_changed(
    message: dict[str, Any], person: Mapping[str, Any], to: str
) -> ReactionChanged:
    """Without an emoji, it was taken back."""
    value = as_dict(message.get("reaction"))
    emoji = str(value.get("emoji") or "")
    return ReactionChanged(
        message=replace(meta_message(message, person, to), text=emoji),
        original=str(value.get("message_id") or ""),
        emoji=emoji,
    )


def message_edited(message: dict[str, Any], person: Mapping[str, Any], to: str) -> MessageEdited:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/edit"""
    value = as_dict(message.get("edit"))
    whole = {**as_dict(value.get("message")), **{name: message.get(name) for name in KEPT}}
    return MessageEdited(
        message=meta_message(whole, person, to),
        original=str(value.get("original_message_id") or ""),
    )


# Of the entry that tells of an edit, the rest is in the message inside it.
KEPT = ("id", "from", "from_user_id", "timestamp", "group_id")


def message_deleted(message: dict[str, Any], _: Mapping[str, Any], to: str) -> MessageDeleted:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/revoke"""
    return MessageDeleted(
        channel="whatsapp",
        original=str(as_dict(message.get("revoke")).get("original_message_id") or ""),
        to=to,
        occurred_at=parse_unix_time(message.get("timestamp")),
    )


MessageChange = ReactionChanged | MessageEdited | MessageDeleted
CHANGES: dict[str, Callable[[dict[str, Any], Mapping[str, Any], str], MessageChange]] = {
    "reaction": reaction_changed,
    "edit": message_edited,
    "revoke": message_deleted,
}


def known_ids(people: list[dict[str, Any]], to: str) -> Iterator[ContactMoved]:
    for person in people:
        if person.get("wa_id") and person.get("user_id"):
            yield ContactMoved(
                channel="whatsapp",
                to=to,
                old_value=as_e164(str(person["wa_id"])),
                new_handle=str(person["user_id"]),
            )


def contact_moved(message: Mapping[str, Any], moved: Mapping[str, Any], to: str) -> ContactMoved:
    old = str(message.get("from") or moved.get("customer") or "")
    # `new_wa_id` before version 12.
    new = str(moved.get("wa_id") or moved.get("new_wa_id") or "")
    return ContactMoved(
        channel="whatsapp",
        to=to,
        old_value=as_e164(old),
        new_value=as_e164(new),
        old_handle=str(moved.get("previous_user_id") or message.get("from_user_id") or ""),
        new_handle=str(moved.get("user_id") or ""),
    )


# --- what somebody of ours wrote with the WhatsApp Business app ---


def echo_events(value: dict[str, Any]) -> Iterator[Event]:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_message_echoes"""
    identity = phone_number_id(value)
    for message in as_dicts(value.get("message_echoes")):
        kind = str(message.get("type", ""))
        if kind in CHANGES:
            yield as_echo(CHANGES[kind](message, {}, identity))
        else:
            yield message_echoed(message, identity, as_dicts(value.get("contacts")))


def as_echo(change: MessageChange) -> MessageChange:
    """Returns what became of a message as the doing of somebody of ours."""
    return replace(change, is_echo=True)


def message_echoed(
    message: dict[str, Any], identity: str, people: list[dict[str, Any]]
) -> MessageEchoed:
    group = str(message.get("group_id") or "")
    if str(message.get("recipient_type")) == "group":
        group = group or str(message.get("to") or "")
    person = people[0] if len(people) == 1 else {}
    handle = str(message.get("to_user_id") or person.get("user_id") or "")
    profile = as_dict(person.get("profile"))
    whole = meta_message(message, {}, as_e164(str(message.get("to") or handle)))
    return MessageEchoed(
        message=replace(
            whole,
            sender_name=str(profile.get("name") or profile.get("username") or ""),
            handle=handle,
            group=group,
            opens_service_window=False,
        ),
        identity=identity,
    )


# --- who and when ---


def as_e164(sender: str) -> str:
    """Returns a number as we keep it; whatever else a person may be known by stays as it is."""
    if not (sender.isascii() and sender.isdigit()):
        return sender
    # Its ids keep the digits of numbering plans that were given up since.
    return renumberings.present_number(f"+{sender}")


def phone_number_id(value: dict[str, Any]) -> str:
    """Returns Meta's id of our number that a change is about."""
    return str(as_dict(value.get("metadata")).get("phone_number_id", ""))


def parse_unix_time(value: Any) -> datetime:
    """Returns the time that Unix seconds, as a string or as a number, stand for."""
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 12:  # noqa: PLR2004
        return plausible_moment(datetime.fromtimestamp(int(text), UTC))
    return datetime.now(UTC)
