"""Decides what a delta means for what we know: pure, so that every order of things can be tried.

An answer that lacks much of what we know is rather a failure over there than the truth: it is held
back until a person has said so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from calendars.sync.moves import MovedEvent
from calendars.vocabulary.events import (
    EventChanges,
    RemoteEvent,
    Removed,
)

# Appointments that may go at once without a question, and the share of all that may.
DELETIONS_ALLOWED = 4
DELETIONS_ALLOWED_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class KnownEvents:
    """What we have of one calendar, within the window that is read."""

    # Remote ids of our appointments that should be there.
    own: Collection[str]
    # Of all that ever were: they may come back.
    linked: Collection[str] = ()
    # Our keys of those whose creation was not confirmed.
    unconfirmed: Collection[str] = ()
    # Others' entries: remote id -> the series it belongs to.
    blocks: Mapping[str, str] = field(default_factory=dict)
    # Why the last reading was not believed; blank: it was.
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class SyncPlan:
    own: tuple[RemoteEvent, ...]
    others: tuple[RemoteEvent, ...]
    # Gone by the vendor's word or by not being there; to be looked after one by one.
    own_gone: tuple[str, ...]
    others_gone: tuple[str, ...]
    # Series of ours that lack an occurrence, and perhaps are gone as a whole: Google tells no more.
    series_doubted: tuple[str, ...] = ()
    # Of ours, what stands in another calendar now, or came from one.
    moved: tuple[MovedEvent, ...] = ()
    # Why nothing of it is deleted; blank: it is believed.
    doubt: str = ""

    @property
    def linked_ids(self) -> set[str]:
        """Returns the remote ids under which ours may be known that the plan is about."""
        series = {event.series_id for event in self.others if event.series_id}
        return {*(event.id for event in self.own), *self.own_gone, *self.series_doubted, *series}


def plan_changes(changes: EventChanges, known: KnownEvents) -> SyncPlan:
    """Sorts changes into ours and others', there and gone; says whether to quarantine deletions."""
    latest = latest_by_id(changes)
    events = [event for event in latest.values() if isinstance(event, RemoteEvent)]
    own = [event for event in events if is_own_event(event, known)]
    others = [event for event in events if not is_own_event(event, known)]
    removed = {event.id for event in latest.values() if isinstance(event, Removed)}
    if changes.is_full:
        removed |= {*known.own, *known.blocks} - {event.id for event in events}
    removed_blocks = {
        block
        for block, series in known.blocks.items()
        if block in removed or (series and series in removed)
    } | {event.id for event in others if event.is_cancelled}
    gone = tuple(remote_id for remote_id in known.own if remote_id in removed)
    series = {known.blocks[block] for block in removed_blocks & known.blocks.keys()}
    series |= {item.series_id for item in latest.values() if is_gone_item(item)}
    told = {event.id for event in own}
    cancelled = sum(event.is_cancelled for event in own if event.id in known.own)
    return SyncPlan(
        own=tuple(own),
        others=tuple(event for event in others if not event.is_cancelled),
        own_gone=gone,
        others_gone=tuple(sorted(removed_blocks)),
        series_doubted=tuple(sorted((series & set(known.own)) - told - removed)),
        doubt=mass_deletion_reason(changes, known, len(gone) + cancelled)
        or cut_answer_reason(changes, known, len(removed_blocks & known.blocks.keys())),
    )


def latest_by_id(changes: EventChanges) -> dict[str, RemoteEvent | Removed]:
    """Returns one item per id: a vendor may repeat it, and what comes later is true."""
    latest: dict[str, RemoteEvent | Removed] = {}
    for item in changes.items:
        latest.pop(item.id, None)
        latest[item.id] = item
    return latest


def is_gone_item(item: RemoteEvent | Removed) -> bool:
    return isinstance(item, Removed) or item.is_cancelled


def is_own_event(event: RemoteEvent, known: KnownEvents) -> bool:
    """Returns whether we wrote it: by its id; by our key only where we never learned the id.

    Copies that people make of our events carry the key too, and are theirs.
    """
    return event.id in known.linked or bool(event.key and event.key in known.unconfirmed)


def mass_deletion_reason(changes: EventChanges, known: KnownEvents, gone: int) -> str:
    """Returns why so many deletions at once are not believed; blank if they are."""
    total = len(known.own) + len(known.blocks)
    if changes.is_full and len(changes.items) == changes.read_again and total:
        return f"The calendar came back empty, and {total} entries are known."
    if gone > DELETIONS_ALLOWED and gone > DELETIONS_ALLOWED_SHARE * len(known.own):
        return f"{gone} of {len(known.own)} appointments are gone at once."
    return ""


def cut_answer_reason(changes: EventChanges, known: KnownEvents, gone: int) -> str:
    """Returns why a full answer that lacks many of others' entries is not believed yet.

    It may be cut short, and would show taken time as free. Said again, it is believed.
    """
    if not changes.is_full or gone <= DELETIONS_ALLOWED:
        return ""
    if gone <= DELETIONS_ALLOWED_SHARE * len(known.blocks):
        return ""
    reason = f"{gone} of {len(known.blocks)} entries of others are missing from a full answer."
    return "" if reason == known.doubt else reason
