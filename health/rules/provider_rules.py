"""What counts as an incident: a table of rules one can read.

Rules of one group and subject are about one cause: the first in the table that applies names it,
and a provider that is slow, then fails, then is closed off is one incident that got worse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from health.collecting.observation import Observation
from health.rules import (
    calendar_rules,
    provider_conditions,
)
from health.rules.provider_conditions import (
    MINUTE,
    SECOND,
    Seen,
)
from health.rules.rule import Rule
from health.vocabulary.readings import Severity

__all__ = ["BY_KIND", "RANK", "RULES", "Finding", "Rule", "judge"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    cause: str
    rule: Rule
    seen: Seen

    @property
    def title(self) -> str:
        return self.rule.title.format(name=self.seen.name)


def judge(observation: Observation) -> dict[str, Finding]:
    """One finding a cause."""
    found: dict[str, Finding] = {}
    for rule in RULES:
        for seen in rule.look(observation):
            cause = f"{rule.group}:{seen.subject}" if seen.subject else rule.group
            found.setdefault(cause, Finding(cause=cause, rule=rule, seen=seen))
    return found


# --- the table ----------------------------------------------------------------------------------

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
MOVES_ON = "Messages go through the next provider of the route; without one, they wait unharmed. "

RULES: tuple[Rule, ...] = (
    Rule(
        kind="credentials",
        group="sending",
        severity=CRITICAL,
        title="{name} refuses our account",
        did=f"Paused the provider. {MOVES_ON}It is tried again every minute.",
        advice="Put the right key or sender into the settings, restart, and resume the provider.",
        look=provider_conditions.each(provider_conditions.refuses_us),
    ),
    Rule(
        kind="breaker",
        group="sending",
        severity=CRITICAL,
        title="{name} is down",
        did=f"Closed the provider off. {MOVES_ON}One message at a time tries whether it is back.",
        advice="See the provider's status page. Nothing is lost meanwhile.",
        look=provider_conditions.each(provider_conditions.closed_off),
    ),
    Rule(
        kind="failing",
        group="sending",
        severity=CRITICAL,
        title="Most calls to {name} fail",
        did="Tries each message again after 1, 2, 4, 8 and 16 seconds, then the next provider.",
        advice="See the provider's status page. If it lasts, pause it: others take over at once.",
        look=provider_conditions.each(provider_conditions.fails_mostly),
    ),
    Rule(
        kind="often failing",
        group="sending",
        severity=WARNING,
        title="Many calls to {name} fail",
        did="Tries each message again after 1, 2, 4, 8 and 16 seconds, then the next provider.",
        advice="Look at the reasons below; see the provider's status page if it lasts.",
        look=provider_conditions.each(provider_conditions.fails_often),
        open_after=10 * SECOND,
    ),
    Rule(
        kind="hanging",
        group="sending",
        severity=WARNING,
        title="{name} leaves us without an answer",
        did="Waits for up to ten seconds. What got no answer is never blindly sent again.",
        advice="See the provider's status page. If it lasts, pause it: others take over at once.",
        look=provider_conditions.each(provider_conditions.hanging),
    ),
    Rule(
        kind="unreachable",
        group="sending",
        severity=WARNING,
        title="{name} does not answer our probes",
        did="Nothing yet: no message was affected.",
        advice="See the provider's status page, and whether this machine reaches the internet.",
        look=provider_conditions.each(provider_conditions.unreachable),
    ),
    Rule(
        kind="slow",
        group="sending",
        severity=WARNING,
        title="{name} answers slowly",
        did="Sends on, more calls at a time; an answer that does not come counts as lost.",
        advice="Nothing, unless it lasts: then ask the provider, or pause it.",
        look=provider_conditions.each(provider_conditions.slow),
    ),
    Rule(
        kind="throttled",
        group="sending",
        severity=WARNING,
        title="{name} says that we are too fast",
        did="Slowed down to what it permits, urgent messages first. Nothing counts as a failure.",
        advice="If it lasts, ask for a higher limit, or set the rate that the contract permits.",
        look=provider_conditions.each(provider_conditions.throttled),
    ),
    Rule(
        kind="unproven",
        group="sending",
        severity=WARNING,
        title="{name} failed, and nothing was tried since",
        did="Asks the provider every few seconds whether it is back.",
        advice="Nothing: the next message or the next probe tells.",
        look=provider_conditions.each(provider_conditions.unproven),
    ),
    Rule(
        kind="paused",
        group="pause",
        severity=WARNING,
        title="{name} is still paused by hand",
        did=f"Keeps the pause. {MOVES_ON}",
        advice="Resume the provider when the reason for the pause is gone.",
        look=provider_conditions.each(provider_conditions.paused_by_hand),
        open_after=timedelta(hours=1),
    ),
    Rule(
        kind="account",
        group="account",
        severity=WARNING,
        title="{name} warns about our account",
        did="Sends on.",
        advice="Look into the provider's console.",
        look=provider_conditions.each(provider_conditions.account_warns),
    ),
    Rule(
        kind="endpoint",
        group="webhooks",
        severity=CRITICAL,
        title="Our webhook address for {name} cannot be reached",
        did="Asks for receipts instead; the provider posts them again later.",
        advice="Check PUBLIC_URL, the proxy and its certificate from outside.",
        look=provider_conditions.each_webhook(provider_conditions.endpoint_is_away),
    ),
    Rule(
        kind="silence",
        group="webhooks",
        severity=WARNING,
        title="No webhooks come from {name}",
        did="Asks the provider for missing receipts: statuses stay right, only later.",
        advice="Check the webhook's address and secret in the provider's console.",
        look=provider_conditions.each_webhook(provider_conditions.silent),
    ),
    Rule(
        kind="unheard",
        group="webhooks",
        severity=WARNING,
        title="No webhooks come from {name}",
        did="Asks the provider for missing receipts: statuses stay right, only later.",
        advice="Check the webhook's address and secret in the provider's console.",
        look=provider_conditions.each_webhook(provider_conditions.unheard_since),
    ),
    Rule(
        kind="forged",
        group="webhooks",
        severity=WARNING,
        title="Webhooks with wrong signatures come in for {name}",
        did="Refused and counted them. Nothing of them is kept.",
        advice="If receipts are missing too, the webhook secret is wrong. Else somebody is trying.",
        look=provider_conditions.each_webhook(provider_conditions.forged),
        close_after=MINUTE,
    ),
    Rule(
        kind="dispatcher",
        group="dispatcher",
        severity=CRITICAL,
        title="No dispatcher runs: nothing is sent",
        did="Kept every message. A new dispatcher takes over what the last one had begun.",
        advice="Start manage.py dispatcher, and read its last log lines.",
        look=provider_conditions.dead("dispatcher"),
        close_after=5 * SECOND,
    ),
    Rule(
        kind="worker",
        group="worker",
        severity=CRITICAL,
        title="No worker runs: receipts are not asked for",
        did="Messages are sent all the same; what is periodic waits.",
        advice="Start manage.py worker, and read its last log lines.",
        look=provider_conditions.dead("worker"),
        close_after=5 * SECOND,
    ),
    Rule(
        kind="scheduler",
        group="scheduler",
        severity=CRITICAL,
        title="Periodic tasks do not run",
        did="The watchdog replaces a cluster that executes nothing.",
        advice="Look at the queued tasks in the admin; restart the worker.",
        look=provider_conditions.scheduler_late,
        open_after=15 * SECOND,
    ),
    Rule(
        kind="queue",
        group="queue",
        severity=WARNING,
        title="Messages wait longer than they should",
        did="Sends urgent messages first.",
        advice="Start another dispatcher, or ask the provider for a higher rate.",
        look=provider_conditions.queue_is_old,
        open_after=10 * SECOND,
    ),
    Rule(
        kind="deliveries",
        group="deliveries",
        severity=WARNING,
        title="Webhooks came in that could not be applied",
        did="Kept them as they came, and tried each of them for two and a half hours.",
        advice="Read the reason at one of them; replay them once it is gone.",
        look=provider_conditions.deliveries_stuck,
    ),
    Rule(
        kind="unknown",
        group="unknown",
        severity=WARNING,
        title="Outcomes stay unknown for longer than they should",
        did="Keeps asking; does not risk a second copy.",
        advice="Look at these messages; the worker settles them, so look whether it runs.",
        look=provider_conditions.unknown_for_long,
    ),
    Rule(
        kind="alerts",
        group="alerts",
        severity=WARNING,
        title="Alerts do not get through by {name}",
        did="Tries again, less and less often.",
        advice="Check ALERT_URLS.",
        look=provider_conditions.alerts_failing,
    ),
    Rule(
        kind="redis",
        group="redis",
        severity=CRITICAL,
        title="Redis does not answer",
        did="Nothing is sent while limits and breakers cannot be read. Nothing is lost.",
        advice="Start Redis, or take REDIS_URL out of the settings to work without.",
        look=provider_conditions.redis_away,
        open_after=5 * SECOND,
    ),
    Rule(
        kind="database",
        group="database",
        severity=WARNING,
        title="The database answers slowly",
        did="Nothing.",
        advice="See what else runs on its machine.",
        look=provider_conditions.database_slow,
        open_after=30 * SECOND,
    ),
    Rule(
        kind="disk full",
        group="disk",
        severity=CRITICAL,
        title="The disk is full",
        did="Nothing.",
        advice="Make room before the database stops.",
        look=provider_conditions.disk_full(provider_conditions.FULL),
    ),
    Rule(
        kind="disk",
        group="disk",
        severity=WARNING,
        title="The disk is almost full",
        did="Nothing.",
        advice="Make room, or keep less: KEEP_DAYS.",
        look=provider_conditions.disk_full(provider_conditions.ALMOST_FULL),
        open_after=30 * SECOND,
    ),
    *calendar_rules.RULES,
)
# The place in the table: lower is worse.
RANK: Mapping[str, int] = {rule.kind: place for place, rule in enumerate(RULES)}
BY_KIND: Mapping[str, Rule] = {rule.kind: rule for rule in RULES}
