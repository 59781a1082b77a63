"""Which of a person's addresses a message goes to, where nobody has chosen one."""

from collections.abc import Iterable, Sequence

from communications.book.contacts import AddressEntry
from communications.models import Channel
from communications.vocabulary import phone_numbers


def reachable_first(entries: Iterable[AddressEntry]) -> list[AddressEntry]:
    """Returns the entries with the one to use first, and marked, in each channel.

    A landline comes last, for no message reaches it; before that counts what the source prefers,
    then a mobile before a number of unknown kind. Otherwise the order stays.
    """
    by_channel: dict[str, list[AddressEntry]] = {}
    for entry in entries:
        by_channel.setdefault(entry.channel, []).append(entry)
    return [
        entry._replace(is_primary=number == 0)
        for listed in by_channel.values()
        for number, entry in enumerate(sorted(listed, key=reach_rank))
    ]


def reach_rank(entry: AddressEntry) -> tuple[bool, bool, bool]:
    """Returns where an address stands among its person's, the best first."""
    if entry.channel == Channel.EMAIL:
        return (False, not entry.is_primary, False)
    is_landline = bool(phone_numbers.sms_refusal(entry.value))
    is_mobile = entry.label == "cell" or phone_numbers.is_mobile(entry.value)
    return (is_landline, not entry.is_primary, not is_mobile)


def joined_entries(kept: Sequence[AddressEntry], new: Iterable[AddressEntry]) -> list[AddressEntry]:
    """Returns what a contact has, followed by what it gets from elsewhere.

    Its primary addresses stay so. Where a channel has none, or one that no message reaches, it is
    the best of all.
    """
    entries = [*kept, *new]
    best = [entry for entry in reachable_first(entries) if entry.is_primary]
    own = {entry.channel: entry for entry in kept if entry.is_primary and not reach_rank(entry)[0]}
    chosen = {entry.channel: own.get(entry.channel, entry).value for entry in best}
    return [entry._replace(is_primary=entry.value == chosen[entry.channel]) for entry in entries]
