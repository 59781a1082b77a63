"""One line of the tables in `rules` and `calendar_rules`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from health.collecting.observation import Observation
from health.rules.provider_conditions import (
    SECOND,
    Seen,
)
from health.vocabulary.readings import Severity


@dataclass(frozen=True, kw_only=True)
class Rule:
    kind: str
    group: str
    severity: Severity
    # {name}: the provider, or whatever it is about.
    title: str
    did: str
    advice: str
    look: Callable[[Observation], Iterator[Seen]]
    # Hysteresis: how long it must last to be opened, and be gone to be closed.
    open_after: timedelta = timedelta(0)
    close_after: timedelta = 15 * SECOND
