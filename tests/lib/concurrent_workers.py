"""Many processes doing one job at once.

    python -m tests.lib.concurrent_workers JOB PROCESSES NAME [NUMBER]

They are forked after this one has used Redis, as servers do it. Prints their answers as JSON.
"""

import json
import multiprocessing
import sys
import time
from datetime import timedelta
from typing import Any

import django
from django.apps import apps
from django.conf import settings

if not apps.ready:  # the tests import constants from here; models need it
    django.setup()

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.breaker import Breaker, BreakerPolicy
from wedsync_comms.lib.rate_limit.algorithm import Rate
from wedsync_comms.lib.rate_limit.limiter import TokenBucket
from wedsync_comms.lib.wakeup import wake

RATE = Rate(per_second=40, burst=10)
# Half-open as soon as it opened.
POLICY = BreakerPolicy(cool_down=timedelta(0), trial_timeout=timedelta(seconds=4))


def count(name: str, times: float) -> None:
    def increment(state: shared_state.State | None, _now: float) -> tuple[shared_state.State, None]:
        return {"count": (state or {"count": 0})["count"] + 1}, None

    for _ in range(int(times)):
        shared_state.update_state(name, increment)


def acquire(name: str, seconds: float) -> dict[str, float]:
    """Takes as much as it gets, as a sender would: asks again when it was told to."""
    bucket = TokenBucket(name, RATE)
    began, taken, longest = time.monotonic(), 0, 0.0
    while (now := time.monotonic()) < began + seconds:
        wait = bucket.acquire()
        taken += wait == 0
        longest = max(longest, wait)
        time.sleep(min(wait, max(0.0, began + seconds - now)))
    return {"taken": taken, "longest": longest, "began": began, "ended": time.monotonic()}


def allow(name: str, _number: float) -> bool:
    return Breaker(name, policy=POLICY).allow()


def hold_a_trial(name: str, _number: float) -> bool:
    """Takes the trial and never comes back with an outcome."""
    got = allow(name, 0)
    sys.stdout.write(f"{json.dumps(got)}\n")
    sys.stdout.flush()
    time.sleep(60)
    return got


def wake_often(name: str, times: float) -> None:
    """Says when it woke: the monotonic clock is the machine's, not the process's."""
    for _ in range(int(times)):
        time.sleep(0.3)
        at = time.monotonic()
        wake(name)
        sys.stdout.write(f"{json.dumps(at)}\n")
        sys.stdout.flush()


def main(job: str, processes: str, name: str, number: str = "0") -> None:
    work = globals()[job]
    if settings.REDIS_URL:
        shared_state.read_state("before-the-fork")
    if int(processes) == 1:
        answers: list[Any] = [work(name, float(number))]
    else:
        with multiprocessing.get_context("fork").Pool(int(processes)) as pool:
            answers = pool.starmap(work, [(name, float(number))] * int(processes), chunksize=1)
    sys.stdout.write(f"{json.dumps(answers)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
