"""What may be wrong, each as a pure function over an observation: to what it applies, and why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from health.collecting.observation import (
    Observation,
    ProviderObservation,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

REFUSED_ACCOUNT = {"CredentialsRejected", "ConfigurationRejected"}
# A provider that failed once or twice is the ladder's business.
FEW_FAILURES = 3
MOST, MANY = 0.5, 0.2
MANY_FAILURES = 5
# A failure that is older says nothing about now.
FRESH = 20 * SECOND
SLOW_MS, SLOWER = 1_500.0, 3.0
FEW_CALLS = 3
THROTTLED_SHARE = 0.2
LONG_HOLD = 10.0
PROBED_TWICE = 2
FORGED = 3
DEAD_AFTER = {"dispatcher": 15 * SECOND, "worker": 45 * SECOND}
OLD = {"urgent": 30.0, "normal": 180.0, "bulk": 3_600.0}
UNAPPLIED_AFTER = 5 * MINUTE
UNKNOWN_AFTER = 45 * MINUTE
ALERT_TRIES = 3
SLOW_DATABASE_MS = 500.0
FULL, ALMOST_FULL = 0.97, 0.9
LITTLE_SPACE = 10 * 2**30

# What fails only while something is tried is over when something works.
PROVEN_BY_SUCCESS = {
    "credentials",
    "breaker",
    "failing",
    "often failing",
    "hanging",
    "unreachable",
    "unproven",
}

Evidence = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A rule applies: to what, and the figures that say so."""

    subject: str = ""
    name: str = ""
    provider: str = ""
    # Whose alone it is; None: everybody's.
    organization: int | None = None
    # Where it is mended.
    link: str = ""
    evidence: Evidence = field(default_factory=dict)


Test = Callable[[ProviderObservation, Observation], Evidence | None]


def each(test: Test) -> Callable[[Observation], Iterator[Seen]]:
    """A rule that is asked about every provider; it applies where the test returns evidence."""

    def look(observation: Observation) -> Iterator[Seen]:
        for one in observation.providers:
            evidence = test(one, observation)
            if evidence is not None:
                yield Seen(subject=one.slug, name=one.slug, provider=one.slug, evidence=evidence)

    return look


def each_webhook(test: Test) -> Callable[[Observation], Iterator[Seen]]:
    """The same for webhook addresses, which several providers may share."""

    def look(observation: Observation) -> Iterator[Seen]:
        for one in observation.providers:
            evidence = test(one, observation) if one.webhook else None
            if evidence is not None:
                yield Seen(
                    subject=one.webhook, name=one.webhook, provider=one.slug, evidence=evidence
                )

    return look


# --- sending ------------------------------------------------------------------------------------


def refuses_us(one: ProviderObservation, _: Observation) -> Evidence | None:
    if one.breaker.paused and not one.breaker.held:
        return {"the provider says": one.breaker.reason}
    probe = one.probe
    if probe and not probe.ok and probe.error_class in REFUSED_ACCOUNT and not has_sent(one):
        return {"the probe says": probe.reason, "in a row": probe.streak}
    return None


def has_sent(one: ProviderObservation) -> bool:
    """Since it was last probed."""
    probed = one.probe.checked_at if one.probe else None
    return bool(one.last_accepted_at and probed and one.last_accepted_at > probed)


def closed_off(one: ProviderObservation, _: Observation) -> Evidence | None:
    if one.breaker.state == "closed" or one.breaker.paused:
        return None
    return {"breaker": one.breaker.state, "because": one.breaker.reason, **figures(one)}


def fails_mostly(one: ProviderObservation, now: Observation) -> Evidence | None:
    return failing(one, now, FEW_FAILURES, MOST)


def fails_often(one: ProviderObservation, now: Observation) -> Evidence | None:
    return failing(one, now, MANY_FAILURES, MANY)


def failing(one: ProviderObservation, now: Observation, few: int, share: float) -> Evidence | None:
    is_fresh = one.last_failed_at is not None and now.at - one.last_failed_at <= FRESH
    calls = one.accepted + one.failed
    if one.failed < few or one.failed < share * calls or not is_fresh:
        return None
    return figures(one)


def figures(one: ProviderObservation) -> Evidence:
    """Of the last minute."""
    return {"failed": one.failed, "accepted": one.accepted, "reasons": dict(one.reasons)}


def unreachable(one: ProviderObservation, _: Observation) -> Evidence | None:
    probe = one.probe
    if probe is None or probe.ok or probe.streak < PROBED_TWICE or one.accepted:
        return None
    return {"the probe says": probe.reason, "in a row": probe.streak}


def unproven(one: ProviderObservation, now: Observation) -> Evidence | None:
    """Nothing fails any more because nothing was tried: that is no recovery."""
    known = now.open.get(f"sending:{one.slug}")
    if known is None or known.kind not in PROVEN_BY_SUCCESS:
        return None
    since = known.last_seen_at
    if one.last_accepted_at and one.last_accepted_at > since:
        return None
    if one.probe and one.probe.ok and one.probe.checked_at > since:
        return None
    return {"since then": "nothing was sent, and no probe has answered"}


def hanging(one: ProviderObservation, _: Observation) -> Evidence | None:
    """Known long before the calls are given up."""
    if not one.hanging:
        return None
    return {"messages that wait for an answer": one.hanging}


def slow(one: ProviderObservation, _: Observation) -> Evidence | None:
    median, usual = one.p50_ms or 0.0, one.usual_ms or 0.0
    is_slow = median >= max(SLOW_MS, SLOWER * usual)
    if not is_slow or one.accepted + one.failed < FEW_CALLS:
        return None
    known = one.usual_ms and round(one.usual_ms)
    return {"median, ms": round(median), "usually, ms": known, "calls": one.accepted}


def throttled(one: ProviderObservation, _: Observation) -> Evidence | None:
    calls = one.accepted + one.failed + one.throttled
    is_often = one.throttled >= FEW_CALLS and one.throttled >= THROTTLED_SHARE * calls
    if not is_often and one.held_for < LONG_HOLD:
        return None
    return {
        "refused as too fast": one.throttled,
        "calls": calls,
        "held for, s": round(one.held_for, 1),
    }


def paused_by_hand(one: ProviderObservation, _: Observation) -> Evidence | None:
    return {"reason": one.breaker.reason} if one.breaker.held else None


def account_warns(one: ProviderObservation, _: Observation) -> Evidence | None:
    probe = one.probe
    if probe is None or not probe.ok or not probe.is_warning:
        return None
    return {"the provider says": probe.reason, **probe.facts}


# --- webhooks -----------------------------------------------------------------------------------


def endpoint_is_away(one: ProviderObservation, _: Observation) -> Evidence | None:
    probe = one.endpoint
    if probe is None or probe.ok or probe.streak < PROBED_TWICE:
        return None
    return {"the self-test says": probe.reason, "in a row": probe.streak}


def silent(one: ProviderObservation, now: Observation) -> Evidence | None:
    overdue_at = one.waiting.overdue_at()
    if overdue_at is None or now.at < overdue_at:
        return None
    return {
        "calls without a receipt, at least": one.waiting.count,
        "the first of them at": one.waiting.oldest and one.waiting.oldest.isoformat(),
        "usual delay, s": round(one.waiting.usual.total_seconds(), 1),
        "last webhook at": one.last_receipt_at and one.last_receipt_at.isoformat(),
    }


def unheard_since(one: ProviderObservation, now: Observation) -> Evidence | None:
    """Silence is over when something is heard, and not because nothing is sent any more."""
    known = now.open.get(f"webhooks:{one.webhook}")
    if known is None or known.kind not in {"silence", "unheard"}:
        return None
    times = [other.last_receipt_at for other in now.providers if other.webhook == one.webhook]
    heard = max(filter(None, times), default=None)
    if heard and heard > known.last_seen_at:
        return None
    return {"last webhook at": heard and heard.isoformat()}


def forged(one: ProviderObservation, _: Observation) -> Evidence | None:
    return {"refused in three minutes": one.forged} if one.forged >= FORGED else None


# --- ourselves ----------------------------------------------------------------------------------


def dead(process: str) -> Callable[[Observation], Iterator[Seen]]:
    def look(now: Observation) -> Iterator[Seen]:
        beat = now.beats.get(process)
        if beat is not None and now.at - beat > DEAD_AFTER[process]:
            yield Seen(evidence={"last heard of at": beat.isoformat()})

    return look


def is_dead(now: Observation, process: str) -> bool:
    return any(True for _ in dead(process)(now))


def queue_is_old(now: Observation) -> Iterator[Seen]:
    late = {name: age for name, age in now.queue.oldest_age.items() if age > OLD[name]}
    # A dead dispatcher explains it, and so does a provider that is closed.
    closed = any(one.breaker.state == "open" for one in now.providers)
    if late and not is_dead(now, "dispatcher") and not closed:
        ages = {f"oldest {name}, s": round(age) for name, age in late.items()}
        yield Seen(evidence={"due": now.queue.due, **ages})


def deliveries_stuck(now: Observation) -> Iterator[Seen]:
    oldest = now.oldest_unapplied
    is_late = oldest is not None and now.at - oldest > UNAPPLIED_AFTER
    if now.queue.stuck_deliveries or (is_late and not is_dead(now, "dispatcher")):
        yield Seen(
            evidence={
                "given up on": now.queue.stuck_deliveries,
                "waiting": now.queue.unapplied,
                "the oldest came at": oldest and oldest.isoformat(),
            },
        )


def unknown_for_long(now: Observation) -> Iterator[Seen]:
    if now.oldest_unknown and now.at - now.oldest_unknown > UNKNOWN_AFTER:
        since = now.oldest_unknown.isoformat()
        yield Seen(evidence={"unknown": now.queue.unknown, "the oldest since": since})


def scheduler_late(now: Observation) -> Iterator[Seen]:
    if now.overdue and not is_dead(now, "worker"):
        yield Seen(evidence={"overdue": now.overdue})


def alerts_failing(now: Observation) -> Iterator[Seen]:
    for channel, (tries, error) in now.failing_alerts.items():
        if tries >= ALERT_TRIES:
            yield Seen(subject=channel, name=channel, evidence={"tries": tries, "error": error})


def redis_away(now: Observation) -> Iterator[Seen]:
    if now.machine.redis_ok is False:
        yield Seen()


def database_slow(now: Observation) -> Iterator[Seen]:
    if (now.machine.database_ms or 0.0) > SLOW_DATABASE_MS:
        yield Seen(evidence={"one question, ms": now.machine.database_ms})


def disk_full(share: float) -> Callable[[Observation], Iterator[Seen]]:
    def look(now: Observation) -> Iterator[Seen]:
        used, free = now.machine.disk_used or 0.0, now.machine.disk_free_bytes or 0
        if used > share and free < LITTLE_SPACE:
            yield Seen(evidence={"used": f"{used:.0%}", "free, GB": round(free / 2**30, 1)})

    return look
