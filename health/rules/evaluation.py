"""All rules, and what they say about one moment.

Rules of one group and subject are about one cause: the first in the table that applies names it,
and a provider that is slow, then fails, then has an open circuit is one incident that got worse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from health.collecting.observation import Observation
from health.rules import (
    calendars,
    infrastructure,
    provider_accounts,
    providers,
    senders,
    webhooks,
)
from health.rules.rule import Finding, Rule

RULES = (
    *provider_accounts.RULES,
    *providers.RULES,
    *senders.RULES,
    *webhooks.RULES,
    *infrastructure.RULES,
    *calendars.RULES,
)
# The place in the table: lower is worse.
RANK: Mapping[str, int] = {rule.kind: place for place, rule in enumerate(RULES)}
BY_KIND: Mapping[str, Rule] = {rule.kind: rule for rule in RULES}


@dataclass(frozen=True, kw_only=True)
class RuleMatch:
    """The rule that names a cause, and what it found."""

    cause: str
    rule: Rule
    finding: Finding

    @property
    def title(self) -> str:
        return self.rule.title.format(name=self.finding.name)


def evaluate_rules(observation: Observation) -> dict[str, RuleMatch]:
    """Returns the worst rule that applies to each cause."""
    matches: dict[str, RuleMatch] = {}
    for rule in RULES:
        for finding in rule.condition(observation):
            cause = ":".join(filter(None, (rule.group or rule.kind, finding.subject)))
            matches.setdefault(cause, RuleMatch(cause=cause, rule=rule, finding=finding))
    return matches
