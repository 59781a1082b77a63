"""What can be made to go wrong, under plain names, and when it applies."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# Fields every fault has beside its own.
COMMON: Mapping[str, Any] = {"count": None, "chance": 1.0, "only": []}

dice = random.SystemRandom()


class BadFaultError(ValueError):
    """The control API was asked for a fault that does not exist or makes no sense."""


@dataclass(frozen=True)
class FaultKind:
    """``fields`` are its own settings with their defaults; a default's type is the field's type."""

    name: str
    title: str
    explains: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


REQUEST_FAULTS = (
    FaultKind("latency", "Slow answers", "Works on each request for a while.", {"seconds": 2.0}),
    FaultKind(
        "status",
        "Answer with an error",
        "Answers with this status, without doing the work or after having done it.",
        {"status": 503, "name": "", "mode": "before"},
        {"mode": ("before", "after")},
    ),
    FaultKind(
        "rate_limit", "Too many requests", "Answers 429 and when to try again.", {"retry_after": 1}
    ),
    FaultKind(
        "hang",
        "Accept, then hang",
        "Does the work and keeps the answer back, so that the client times out.",
        {"seconds": 60.0},
    ),
    FaultKind(
        "drop_connection",
        "Cut the connection",
        "Hangs up without a word, before doing the work or after.",
        {"mode": "before"},
        {"mode": ("before", "after")},
    ),
    FaultKind(
        "bad_body",
        "Unreadable answer",
        "Does the work and answers 200 with broken JSON or nothing.",
        {"body": "broken"},
        {"body": ("broken", "empty")},
    ),
)

WEBHOOK_FAULTS = (
    FaultKind("webhook_drop", "Lose webhooks", "Never posts them."),
    FaultKind(
        "webhook_duplicate", "Repeat webhooks", "Posts each one several times over.", {"copies": 2}
    ),
    FaultKind(
        "webhook_reorder",
        "Shuffle webhooks",
        "Collects for a while, then posts each message's events last one first.",
        {"seconds": 2.0},
    ),
    FaultKind("webhook_delay", "Late webhooks", "Waits before posting.", {"seconds": 5.0}),
    FaultKind(
        "webhook_forge", "Forged webhooks", "Posts a copy with a wrong signature ahead of each one."
    ),
    FaultKind("webhook_hold", "Hold webhooks back", "Keeps them until this is switched off."),
    FaultKind(
        "webhook_clock_skew",
        "Wrong clock",
        "Signs with a timestamp this many seconds off.",
        {"seconds": -600.0},
    ),
)


@dataclass
class Fault:
    kind: FaultKind
    options: Json
    count: int | None
    chance: float
    only: tuple[str, ...]

    def concerns(self, subject: str) -> bool:
        return not self.only or any(subject.startswith(start) for start in self.only)

    def as_json(self) -> Json:
        common = {"count": self.count, "chance": self.chance, "only": list(self.only)}
        return {**self.options, **common}


class Faults:
    """The faults switched on for one provider. ``changed`` is called whenever one comes or goes."""

    def __init__(self, kinds: tuple[FaultKind, ...] = REQUEST_FAULTS + WEBHOOK_FAULTS) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._on: dict[str, Fault] = {}
        self.changed: Callable[[], None] = lambda: None

    def replace(self, wanted: Mapping[str, Any]) -> None:
        """Replaces all or nothing: a bad one leaves the present faults as they are."""
        self._on = {name: self._read(name, options) for name, options in wanted.items()}
        self.changed()

    def merge(self, wanted: Mapping[str, Any]) -> None:
        """Merges as ``replace`` does, for those named only; null switches one off."""
        kept = {name: fault for name, fault in self._on.items() if name not in wanted}
        named = {name: options for name, options in wanted.items() if options is not None}
        self._on = kept | {name: self._read(name, options) for name, options in named.items()}
        self.changed()

    def active(self, name: str, subject: str) -> Json | None:
        fault = self._on.get(name)
        return fault.options if fault and fault.concerns(subject) else None

    def is_on(self, name: str, subject: str | None = None) -> bool:
        """Returns whether it is on for that subject, or for any."""
        return name in self._on and (subject is None or self._on[name].concerns(subject))

    def strikes(self, name: str, subject: str) -> bool:
        """Returns what ``draw`` does, for a fault without settings of its own."""
        return self.draw(name, subject) is not None

    def draw(self, name: str, subject: str) -> Json | None:
        """Returns its options if it strikes this time; the last of ``count`` times heals it."""
        fault = self._on.get(name)
        if fault is None or not fault.concerns(subject) or dice.random() >= fault.chance:
            return None
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                del self._on[name]
            self.changed()
        return fault.options

    def as_json(self) -> Json:
        return {name: fault.as_json() for name, fault in self._on.items()}

    def available(self) -> list[Json]:
        return [
            {
                "name": kind.name,
                "title": kind.title,
                "explains": kind.explains,
                "fields": dict(kind.fields),
                "choices": dict(kind.choices),
            }
            for kind in self._kinds.values()
        ]

    def _read(self, name: str, given: Any) -> Fault:
        kind = self._kinds.get(name)
        if kind is None:
            raise BadFaultError(f"There is no fault called {name!r}.")
        if not isinstance(given, Mapping):
            raise BadFaultError(f"{name} takes an object.")
        if unknown := set(given) - set(kind.fields) - set(COMMON):
            raise BadFaultError(f"{name} has no {', '.join(sorted(unknown))}.")
        options = {key: _own_field(kind, key, given) for key in kind.fields}
        return Fault(kind, options, _count(given), _chance(given), _only(given))


def _own_field(kind: FaultKind, key: str, given: Mapping[str, Any]) -> Any:
    default = kind.fields[key]
    value = given.get(key, default)
    if isinstance(default, float) and _is_number(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, type(default)):
        raise BadFaultError(f"{kind.name}.{key} must be like {default!r}.")
    if key in kind.choices and value not in kind.choices[key]:
        raise BadFaultError(f"{kind.name}.{key} is one of {', '.join(kind.choices[key])}.")
    if key == "status" and value not in range(400, 600):
        raise BadFaultError("status.status is between 400 and 599.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(given: Mapping[str, Any]) -> int | None:
    count = given.get("count")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise BadFaultError("count is how many times, 1 or more; null means until switched off.")
    return count


def _chance(given: Mapping[str, Any]) -> float:
    chance = given.get("chance", 1.0)
    if not _is_number(chance) or not 0 <= chance <= 1:
        raise BadFaultError("chance is between 0 and 1.")
    return float(chance)


def _only(given: Mapping[str, Any]) -> tuple[str, ...]:
    only = given.get("only", [])
    if not isinstance(only, list) or not all(isinstance(start, str) for start in only):
        raise BadFaultError("only is a list of beginnings, such as POST /emails or email.bounced.")
    return tuple(only)
