"""What counts as an incident of our own: processes, queue, alerts, Redis, the database, the disk.
Each condition stands above the rule it belongs to."""

from collections.abc import Iterator

from health.collecting.observation import Observation
from health.rules.rule import CRITICAL, MINUTE, SECOND, Condition, Finding, Rule

# --- processes ----------------------------------------------------------------------------------

DEAD_AFTER = {"dispatcher": 15 * SECOND, "worker": 45 * SECOND}


def is_dead(now: Observation, process: str) -> bool:
    """Returns False for a process that was never heard of: it was not started here yet."""
    beat = now.beats.get(process)
    return beat is not None and now.at - beat > DEAD_AFTER[process]


def process_dead(process: str) -> Condition:
    def find(now: Observation) -> Iterator[Finding]:
        if is_dead(now, process):
            yield Finding(evidence={"last heard of at": now.beats[process].isoformat()})

    return find


def scheduler_late(now: Observation) -> Iterator[Finding]:
    if now.overdue and not is_dead(now, "worker"):
        yield Finding(evidence={"overdue": now.overdue})


DISPATCHER = Rule(
    kind="dispatcher",
    severity=CRITICAL,
    title="No dispatcher runs: nothing is sent",
    did="Kept every message. A new dispatcher takes over what the last one had begun.",
    advice="Start manage.py dispatcher, and read its last log lines.",
    condition=process_dead("dispatcher"),
    close_after=5 * SECOND,
)
WORKER = Rule(
    kind="worker",
    severity=CRITICAL,
    title="No worker runs: receipts are not asked for",
    did="Messages are sent all the same; what is periodic waits.",
    advice="Start manage.py worker, and read its last log lines.",
    condition=process_dead("worker"),
    close_after=5 * SECOND,
)
SCHEDULER = Rule(
    kind="scheduler",
    severity=CRITICAL,
    title="Periodic tasks do not run",
    did="The watchdog replaces a cluster that executes nothing.",
    advice="Look at the queued tasks in the admin; restart the worker.",
    condition=scheduler_late,
    open_after=15 * SECOND,
)

# --- the queue of messages and of webhooks ------------------------------------------------------

OLD_AFTER_S = {"urgent": 30.0, "normal": 180.0, "bulk": 3_600.0}
UNAPPLIED_AFTER = 5 * MINUTE
UNKNOWN_AFTER = 45 * MINUTE


def queue_old(now: Observation) -> Iterator[Finding]:
    late = {name: age for name, age in now.queue.oldest_age.items() if age > OLD_AFTER_S[name]}
    # A dead dispatcher explains it, and so does a provider whose circuit is open.
    is_open = any(provider.breaker.state == "open" for provider in now.providers)
    if late and not is_dead(now, "dispatcher") and not is_open:
        ages = {f"oldest {name}, s": round(age) for name, age in late.items()}
        yield Finding(evidence={"due": now.queue.due, **ages})


def deliveries_stuck(now: Observation) -> Iterator[Finding]:
    oldest, stuck = now.oldest_unapplied, now.queue.stuck_deliveries
    is_late = oldest is not None and now.at - oldest > UNAPPLIED_AFTER
    if stuck or (is_late and not is_dead(now, "dispatcher")):
        since = oldest and oldest.isoformat()
        counts = {"given up on": stuck, "waiting": now.queue.unapplied}
        yield Finding(evidence={**counts, "the oldest came at": since})


def unknown_for_long(now: Observation) -> Iterator[Finding]:
    oldest = now.oldest_unknown
    if oldest and now.at - oldest > UNKNOWN_AFTER:
        since = oldest.isoformat()
        yield Finding(evidence={"unknown": now.queue.unknown, "the oldest since": since})


QUEUE = Rule(
    kind="queue",
    title="Messages wait longer than they should",
    did="Sends urgent messages first.",
    advice="Start another dispatcher, or ask the provider for a higher rate.",
    condition=queue_old,
    open_after=10 * SECOND,
)
DELIVERIES = Rule(
    kind="deliveries",
    title="Webhooks came in that could not be applied",
    did="Kept them as they came, and tried each of them for two and a half hours.",
    advice="Read the reason at one of them; replay them once it is gone.",
    condition=deliveries_stuck,
)
UNKNOWN = Rule(
    kind="unknown",
    title="Outcomes stay unknown for longer than they should",
    did="Keeps asking; does not risk a second copy.",
    advice="Look at these messages; the worker settles them, so look whether it runs.",
    condition=unknown_for_long,
)

# --- alerts -------------------------------------------------------------------------------------

ALERT_TRIES = 3


def alerts_failing(now: Observation) -> Iterator[Finding]:
    for channel, (tries, error) in now.failing_alerts.items():
        if tries >= ALERT_TRIES:
            yield Finding(subject=channel, name=channel, evidence={"tries": tries, "error": error})


ALERTS = Rule(
    kind="alerts",
    title="Alerts do not get through by {name}",
    did="Tries again, less and less often.",
    advice="Check ALERT_URLS.",
    condition=alerts_failing,
)

# --- Redis, the database, the disk --------------------------------------------------------------

SLOW_DATABASE_MS = 500.0
LITTLE_SPACE_BYTES = 10 * 2**30


def redis_away(now: Observation) -> Iterator[Finding]:
    if now.host.redis_ok is False:
        yield Finding()


def database_slow(now: Observation) -> Iterator[Finding]:
    if (now.host.database_ms or 0.0) > SLOW_DATABASE_MS:
        yield Finding(evidence={"one question, ms": now.host.database_ms})


def disk_used_above(share: float) -> Condition:
    def find(now: Observation) -> Iterator[Finding]:
        used, free = now.host.disk_used or 0.0, now.host.disk_free_bytes or 0
        if used > share and free < LITTLE_SPACE_BYTES:
            yield Finding(evidence={"used": f"{used:.0%}", "free, GB": round(free / 2**30, 1)})

    return find


def storage_away(now: Observation) -> Iterator[Finding]:
    if now.storage_failures:
        yield Finding(evidence={"failures lately": now.storage_failures})


STORAGE = Rule(
    kind="storage",
    severity=CRITICAL,
    title="The storage of attachments does not answer",
    did="Refuses new messages with attachments; those that are due wait, and use up no retry.",
    advice="See whether FILES_URL can be reached, and is mounted in every process.",
    condition=storage_away,
)
REDIS = Rule(
    kind="redis",
    severity=CRITICAL,
    title="Redis does not answer",
    did="Nothing is sent while limits and breakers cannot be read. Nothing is lost.",
    advice="Start Redis, or take REDIS_URL out of the settings to work without.",
    condition=redis_away,
    open_after=5 * SECOND,
)
DATABASE = Rule(
    kind="database",
    title="The database answers slowly",
    did="Nothing.",
    advice="See what else runs on its machine.",
    condition=database_slow,
    open_after=30 * SECOND,
)
DISK_FULL = Rule(
    kind="disk full",
    group="disk",
    severity=CRITICAL,
    title="The disk is full",
    did="Nothing.",
    advice="Make room before the database stops.",
    condition=disk_used_above(0.97),
)
DISK = Rule(
    kind="disk",
    title="The disk is almost full",
    did="Nothing.",
    advice="Make room, or keep less: KEEP_DAYS.",
    condition=disk_used_above(0.9),
    open_after=30 * SECOND,
)

# In this order: the first that applies names the cause.
RULES = (
    *(DISPATCHER, WORKER, SCHEDULER, QUEUE, DELIVERIES, UNKNOWN, ALERTS),
    *(STORAGE, REDIS, DATABASE, DISK_FULL, DISK),
)
