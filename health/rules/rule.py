"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from health.collecting.observation import Observation, ProviderObservation
from health.vocabulary.readings import Severity

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CRITICAL = Severity.CRITICAL

# The figures that say why a rule applies, by what a person calls them.
Evidence = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule applies: to what, and why."""

    # Part of the incident's cause; empty where there is only one thing it can be about.
    subject: str = ""
    name: str = ""
    provider: str = ""
    # Whose alone it is; None: everybody's.
    organization: int | None = None
    # Where it is mended.
    link: str = ""
    # What a person can do about this one; blank: what the rule says.
    advice: str = ""
    evidence: Evidence = field(default_factory=dict)


Condition = Callable[[Observation], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    kind: str
    # Rules of one group and subject are about one cause; empty: the rule is alone in it.
    group: str = ""
    severity: Severity = Severity.WARNING
    # {name}: the provider, or whatever it is about.
    title: str
    # What the system did by itself, and the remedy that is a person's.
    did: str
    advice: str
    condition: Condition
    # Hysteresis: how long it must last to be opened, and be gone to be closed.
    open_after: timedelta = timedelta(0)
    close_after: timedelta = 15 * SECOND


# A pure function; it returns the evidence, or None where the rule does not apply.
ProviderCondition = Callable[[ProviderObservation, Observation], Evidence | None]


def of_each_provider(condition: ProviderCondition) -> Condition:
    """Returns a condition that is asked about every provider."""

    def find(now: Observation) -> Iterator[Finding]:
        for provider in now.providers:
            evidence = condition(provider, now)
            if evidence is not None:
                slug = provider.slug
                yield Finding(subject=slug, name=slug, provider=slug, evidence=evidence)

    return find
