"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from health.collecting import (
    failure_groups,
    probes,
    rollups,
)
from health.incidents import lifecycle


def probe_all() -> int:
    return probes.run_all_probes()


def probe(subject: str) -> int:
    return len(probes.run_probes_of(subject))


def forget() -> int:
    return rollups.prune_rollups() + failure_groups.prune_failures() + lifecycle.prune_incidents()
