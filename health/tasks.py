"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from health.collecting import (
    failure_groups,
    probes,
    rollups,
)
from health.incidents import lifecycle


def probe_all() -> int:
    return probes.ask_all()


def probe(subject: str) -> int:
    return len(probes.ask_about(subject))


def forget() -> int:
    return rollups.forget() + failure_groups.forget() + lifecycle.forget()
