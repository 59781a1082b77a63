"""The circuit breaker: calls to a provider that is down stop, until it is back by itself.

closed -> (most attempts fail) -> open -> (cool-down) -> half-open, one trial -> closed | open

Shared by all workers. The transitions are pure functions; `update_state` makes them atomic.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2s

import structlog

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.shared_state import State

log = structlog.get_logger(__name__)

# Why a provider is paused that has taken all it may take in a day or a month.
QUOTA = "quota"
# Why one is closed off to which no connection comes about.
UNREACHABLE = "unreachable"

# When, of which subject (shortened), and whether the provider did its part.
Outcome = tuple[float, str, bool]


@dataclass(frozen=True)
class BreakerPolicy:
    """Opens when in `window` more than `share` of at least `attempts` failed, of `subjects`."""

    window: timedelta = timedelta(seconds=60)
    attempts: int = 10
    subjects: int = 5
    share: float = 0.5
    cool_down: timedelta = timedelta(seconds=15)
    longest_cool_down: timedelta = timedelta(minutes=5)
    # Longer than any provider's timeout: past it, whoever holds the trial is dead.
    trial_timeout: timedelta = timedelta(seconds=60)
    # A paused provider is tried so seldom: enough to notice that its key was replaced.
    paused_cool_down: timedelta = timedelta(minutes=1)
    # Outcomes kept for judging; each costs some 30 bytes of every read.
    remembered: int = 200


@dataclass(frozen=True)
class BreakerState:
    """`state` is "closed", "open" or "half-open"; `retry_at` is when the next trial is due."""

    state: str
    reason: str = ""
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    paused: bool = False
    # By a person: only a person resumes it.
    held: bool = False
    # QUOTA, UNREACHABLE, or blank.
    cause: str = ""


@dataclass(frozen=True)
class Circuit:
    """What is stored. Times are unix seconds; 0 is "not"."""

    outcomes: tuple[Outcome, ...] = ()
    reason: str = ""
    opened_at: float = 0.0
    retry_at: float = 0.0
    failed_trials: int = 0
    trial_until: float = 0.0
    trial_subject: str = ""
    paused: bool = False
    held: bool = False
    cause: str = ""


CLOSED = Circuit()
POLICY = BreakerPolicy()


class Breaker:
    def __init__(self, name: str, *, policy: BreakerPolicy = POLICY) -> None:
        self.name = name
        self.policy = policy
        self._key = f"breaker:{name}"

    def allow(self, subject: str = "") -> bool:
        """May the provider be called? Half-open, one caller at a time gets True: its trial.

        Name the trial's `subject` (a message id), and only its outcome decides; otherwise the next
        recorded outcome does, also a late one of an earlier call.
        """
        if not (shared_state.read_state(self._key) or {}).get("opened_at"):
            return True
        return self._update(partial(allowed, policy=self.policy, subject=shortened(subject)))

    def record(self, outcomes: Sequence[tuple[str, bool]]) -> str | None:
        """Pairs of subject and whether the provider did its part (also when it refused a bad
        number). Returns the new state if this changed it."""
        if not outcomes:
            return None
        short = [(shortened(subject), ok) for subject, ok in outcomes]
        changed = self._update(partial(recorded, policy=self.policy, outcomes=short))
        if changed:
            log.warning("breaker.changed", breaker=self.name, state=changed)
        return changed

    def state(self) -> BreakerState:
        raw, now = shared_state.peek(self._key)
        circuit = _circuit(raw)
        if not circuit.opened_at:
            return BreakerState("closed")
        return BreakerState(
            state="half-open" if due(circuit, now, self.policy) else "open",
            reason=circuit.reason,
            opened_at=datetime.fromtimestamp(circuit.opened_at, UTC),
            retry_at=None
            if circuit.held or circuit.cause == UNREACHABLE
            else datetime.fromtimestamp(circuit.retry_at, UTC),
            paused=circuit.paused,
            held=circuit.held,
            cause=circuit.cause,
        )

    def pause(
        self,
        reason: str,
        *,
        hold: bool = False,
        cause: str = "",
        lasts: timedelta | None = None,
    ) -> None:
        """Open until a person resumes it, or a rare trial succeeds; `hold` allows no trial, and
        `lasts` none before so long."""
        change = partial(
            paused, policy=self.policy, reason=reason, hold=hold, cause=cause, lasts=lasts
        )
        self._update(change)
        log.warning("breaker.paused", breaker=self.name, reason=reason)

    def close_off(self, reason: str, *, since: datetime) -> None:
        """Open until `reached`, because no connection comes about. Nothing is tried meanwhile:
        whoever says so asks in some other way, and again and again."""
        change = partial(closed_off, policy=self.policy, reason=reason, since=since.timestamp())
        if self._update(change):
            log.warning("breaker.unreachable", breaker=self.name, reason=reason)

    def reached(self) -> None:
        """A connection came about again. What is open for another reason stays so."""
        if self._update(reconnected):
            log.warning("breaker.reached", breaker=self.name)

    def resume(self) -> None:
        self._update(lambda _circuit, _now: (CLOSED, None))

    def _update(
        self, change: Callable[[Circuit, float], tuple[Circuit, shared_state.T]]
    ) -> shared_state.T:
        def apply(state: State | None, now: float) -> tuple[State, shared_state.T]:
            circuit, answer = change(_circuit(state), now)
            return _stored(circuit), answer

        return shared_state.update_state(self._key, apply)


def allowed(
    circuit: Circuit,
    now: float,
    *,
    policy: BreakerPolicy,
    subject: str = "",
) -> tuple[Circuit, bool]:
    if not circuit.opened_at:
        return circuit, True
    if not due(circuit, now, policy) or on_trial(circuit, now, policy):
        return circuit, False
    until = now + policy.trial_timeout.total_seconds()
    return replace(circuit, trial_until=until, trial_subject=subject), True


def recorded(
    circuit: Circuit,
    now: float,
    *,
    policy: BreakerPolicy,
    outcomes: Sequence[tuple[str, bool]],
) -> tuple[Circuit, str | None]:
    if not circuit.opened_at:
        return _judged(circuit, now, policy, [(round(now, 1), *pair) for pair in outcomes])
    # Open: what began before it opened says nothing about now. Only the trial counts, and what a
    # person closed has none.
    if circuit.held:
        return circuit, None
    trial = [ok for subject, ok in outcomes if circuit.trial_subject in ("", subject)]
    if not circuit.trial_until or not trial:
        return circuit, None
    if trial.count(False) > policy.share * len(trial):
        return _reopened(circuit, now, policy), "open"
    return CLOSED, "closed"


def paused(
    circuit: Circuit,
    now: float,
    *,
    policy: BreakerPolicy,
    reason: str,
    hold: bool = False,
    cause: str = "",
    lasts: timedelta | None = None,
) -> tuple[Circuit, None]:
    if circuit.held and not hold:
        # A late refusal of a call that was under way says nothing that a person does not know.
        return circuit, None
    opened_at = circuit.opened_at or now
    retry_at = now + (lasts or policy.paused_cool_down).total_seconds()
    return Circuit(
        reason=reason,
        opened_at=opened_at,
        retry_at=retry_at,
        paused=True,
        held=hold,
        cause=cause,
    ), None


def closed_off(
    circuit: Circuit,
    now: float,
    *,
    policy: BreakerPolicy,
    reason: str,
    since: float,
) -> tuple[Circuit, bool]:
    """Returns whether it is news. What is open already keeps its own reason, and its trial, which
    could not be made, counts as failed."""
    if not circuit.opened_at:
        retry_at = now + policy.cool_down.total_seconds()
        opened = Circuit(
            reason=reason, opened_at=min(since, now), retry_at=retry_at, cause=UNREACHABLE
        )
        return opened, True
    if circuit.trial_until:
        return _reopened(circuit, now, policy), False
    if circuit.cause == UNREACHABLE:
        return replace(circuit, reason=reason), False
    return circuit, False


def reconnected(circuit: Circuit, _now: float) -> tuple[Circuit, bool]:
    is_over = circuit.cause == UNREACHABLE
    return (CLOSED if is_over else circuit), is_over


def has_trials(circuit: Circuit) -> bool:
    """Whether calls try if it works again: not what a person closed, nor what is not reached."""
    return not circuit.held and circuit.cause != UNREACHABLE


def due(circuit: Circuit, now: float, policy: BreakerPolicy) -> bool:
    """Is the cool-down over? Also when the clock was set back, and it never would be."""
    if not has_trials(circuit):
        return False
    if circuit.cause == QUOTA:
        # As long as the provider says, which may be days.
        return not circuit.opened_at <= now < circuit.retry_at
    longest = max(policy.longest_cool_down, policy.paused_cool_down).total_seconds()
    return not now < circuit.retry_at <= now + longest


def on_trial(circuit: Circuit, now: float, policy: BreakerPolicy) -> bool:
    return now < circuit.trial_until <= now + policy.trial_timeout.total_seconds()


def shortened(subject: str) -> str:
    return blake2s(subject.encode(), digest_size=4).hexdigest() if subject else ""


def _judged(
    circuit: Circuit,
    now: float,
    policy: BreakerPolicy,
    fresh: Iterable[Outcome],
) -> tuple[Circuit, str | None]:
    window = policy.window.total_seconds()
    recent = [outcome for outcome in circuit.outcomes if abs(now - outcome[0]) <= window]
    outcomes = (*recent, *fresh)[-policy.remembered :]
    failed = [subject for _at, subject, ok in outcomes if not ok]
    # The failures themselves must be of many subjects: one that fails on each of its retries
    # would otherwise outvote a few that went well.
    many = len(outcomes) >= policy.attempts and len(set(failed)) >= policy.subjects
    if not many or len(failed) <= policy.share * len(outcomes):
        return replace(circuit, outcomes=outcomes), None
    opened = Circuit(
        reason=f"{len(failed)} of the last {len(outcomes)} attempts failed",
        opened_at=now,
        retry_at=now + policy.cool_down.total_seconds(),
    )
    return opened, "open"


def _reopened(circuit: Circuit, now: float, policy: BreakerPolicy) -> Circuit:
    failed = circuit.failed_trials + 1
    doubled = min(policy.cool_down * 2 ** min(failed, 32), policy.longest_cool_down)
    wait = policy.paused_cool_down if circuit.paused else doubled
    return replace(
        circuit,
        failed_trials=failed,
        retry_at=now + wait.total_seconds(),
        trial_until=0.0,
        trial_subject="",
    )


def _circuit(state: State | None) -> Circuit:
    if not state:
        return CLOSED
    return Circuit(**{**state, "outcomes": tuple(tuple(outcome) for outcome in state["outcomes"])})


def _stored(circuit: Circuit) -> State:
    """Returns what is stored. Processes of an earlier release, which know no causes, read it too
    while a new one is being installed."""
    state = dict(vars(circuit))
    if not circuit.cause:
        del state["cause"]
    return state
