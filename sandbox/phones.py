"""Phones: what each number has in its hand, whoever carried it, and what can be wrong with it."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from .lib.faults import Json
from .lib.times import iso

# A page cannot show more; the newest phones win.
MAX_PHONES = 500


class Spoken(Protocol):
    """One message of either direction, as a phone shows it."""

    seen: bool

    @property
    def phone(self) -> str:
        """Returns ``+`` and digits, or the id of a person who hides the number."""

    @property
    def channel(self) -> str:
        """Returns ``sms`` or ``whatsapp``."""

    @property
    def outbound(self) -> bool:
        """Returns whether it went from the product to the phone."""

    @property
    def text(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...

    def in_full(self) -> Json: ...


class Line(Protocol):
    """A provider that reaches phones."""

    slug: str

    def spoken(self) -> Iterator[Spoken]:
        """Yields what was said, newest first."""

    def standing(self, phone: str) -> Json:
        """Returns what holds between this phone and the product: opt-outs, open windows."""

    def read(self, phone: str) -> None:
        """Records that the person has looked at everything."""

    def reach_changed(self, phone: str) -> None: ...


@dataclass
class Phone:
    """``out_of_reach``: no signal. ``not_on_whatsapp``: nobody there, whatever the number."""

    name: str = ""
    out_of_reach: bool = False
    not_on_whatsapp: bool = False


class Phones:
    """Kept by number; a phone nobody has touched is an ordinary one."""

    KEPT: ClassVar[tuple[str, ...]] = ("_known",)
    KINDS: ClassVar[tuple[type, ...]] = (Phone,)

    def __init__(self) -> None:
        self._known: dict[str, Phone] = {}
        # Told which phone is within reach again, or no longer.
        self.listeners: list[Callable[[str], None]] = []

    def find(self, number: str) -> Phone:
        return self._known.get(number) or Phone()

    def change(self, number: str, wanted: Json) -> None:
        phone = self._known.setdefault(number, Phone())
        for name, value in wanted.items():
            kind = type(getattr(phone, name, None))
            if kind is type(None) or not isinstance(value, kind):
                raise ValueError(f"A phone has no {name} that could be {value!r}.")
        for name, value in wanted.items():
            setattr(phone, name, value)
        for listener in self.listeners:
            listener(number)

    def numbers(self) -> list[str]:
        return list(self._known)

    def clear(self) -> None:
        self._known.clear()


def every_phone(phones: Phones, lines: Sequence[Line]) -> list[Json]:
    """Returns every phone, newest first; those without a message come last."""
    found: dict[str, Json] = {}
    for line in lines:
        for message in line.spoken():
            row = found.setdefault(message.phone, _row(message.phone, phones))
            _count(row, message)
    for number in phones.numbers():
        found.setdefault(number, _row(number, phones))
    newest = sorted(found.values(), key=lambda row: str(row["latest_at"]), reverse=True)
    return newest[:MAX_PHONES]


def _row(number: str, phones: Phones) -> Json:
    phone = phones.find(number)
    nothing: Json = {"messages": 0, "unread": 0, "replies": 0, "latest_at": "", "latest_text": ""}
    return {"number": number, **vars(phone), **nothing, "channels": []}


def _count(row: Json, spoken: Spoken) -> None:
    row["messages" if spoken.outbound else "replies"] += 1
    row["unread"] += spoken.outbound and not spoken.seen
    if spoken.channel not in row["channels"]:
        row["channels"].append(spoken.channel)
    at = iso(spoken.created_at)
    if at > row["latest_at"]:
        row["latest_at"], row["latest_text"] = at, spoken.text


def one_phone(phones: Phones, lines: Sequence[Line], number: str, limit: int) -> Json:
    """Returns the thread oldest first, as a phone shows it: the last ``limit`` messages."""
    said = [_theirs(line, number) for line in lines]
    newest = heapq.merge(*said, key=lambda entry: str(entry["at"]), reverse=True)
    entries = [entry for entry, _ in zip(newest, range(limit), strict=False)]
    return {
        "number": number,
        **vars(phones.find(number)),
        "standing": {line.slug: line.standing(number) for line in lines},
        "entries": entries[::-1],
    }


def _theirs(line: Line, number: str) -> Iterator[Json]:
    for message in line.spoken():
        if message.phone == number:
            yield {
                "provider": line.slug,
                "channel": message.channel,
                "direction": "to them" if message.outbound else "from them",
                "text": message.text,
                "at": iso(message.created_at),
                "seen": message.seen,
                "message": message.in_full(),
            }
