"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from health import failures, incidents, probes, rollups


def probe_all() -> int:
    return probes.ask_all()


def probe(subject: str) -> int:
    return len(probes.ask_about(subject))


def forget() -> int:
    return rollups.forget() + failures.forget() + incidents.forget()
