"""One small value per key, changed atomically by all processes on all machines.

With REDIS_URL it lives in Redis, else in a database row. What can be asked or changed here is
either certain or raises: nobody may take "Redis is down" for "the provider is fine".
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from redis import Redis, RedisError
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from wedsync_comms.lib.models import SharedState

State = dict[str, Any]
T = TypeVar("T")
Change = Callable[[State | None, float], tuple[State, T]]

# All our keys and channels in Redis begin with it.
PREFIX = "wedsync:"
# What nobody changed for this long is forgotten: keys of senders that are gone.
KEEP = timedelta(days=30)

# Writes only over what was read. KEYS: the key; ARGV: the value read ("" for none), the new value,
# its lifetime in seconds.
COMPARE_AND_SET = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Unavailable(Exception):
    """Redis does not answer, so nobody knows the shared state."""


def update_state(key: str, change: Change[T]) -> T:
    """Replaces the value of `key` by what `change` makes of it, and returns its answer.

    `change` gets the value (None: there is none yet) and the time in unix seconds. It must be pure:
    it runs again when another process was faster. An unchanged value is not written; an empty one
    counts as none. Without Redis, call it outside transactions: the row is locked until commit.
    """
    if settings.REDIS_URL:
        with redis_reachable():
            return _update_in_redis(redis_key(key), change)
    return _update_in_database(key, change)


def update_row(key: str, change: Change[T]) -> T:
    """The same, always in the database: for what has to work while Redis is away."""
    return _update_in_database(key, change)


def read_state(key: str) -> State | None:
    if settings.REDIS_URL:
        with redis_reachable():
            return _loads(client().get(redis_key(key)))
    return read_row(key)


def read_row(key: str) -> State | None:
    return SharedState.objects.filter(key=key).values_list("value", flat=True).first() or None


def peek(key: str) -> tuple[State | None, float]:
    """The value, and the time on the clock that `update_state` would tell."""
    if settings.REDIS_URL:
        with redis_reachable():
            raw, now = _read_in_redis(redis_key(key))
            return _loads(raw), now
    return read_state(key), _database_time()


def forget_stale(older_than: timedelta = KEEP) -> int:
    """Removes rows nobody changed for so long. Redis does it by itself."""
    return SharedState.objects.filter(updated_at__lt=timezone.now() - older_than).delete()[0]


def client() -> Redis:
    """This process's connections to Redis, as text; safe to use after a fork and by threads."""
    return _client(settings.REDIS_URL)


def redis_key(key: str) -> str:
    return f"{PREFIX}shared:{key}"


@contextmanager
def redis_reachable() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise Unavailable(f"Redis (REDIS_URL) does not answer: {error}") from error


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=5,
        health_check_interval=30,
        # Enough to outlive a connection cut by a restart; redis-py's own default would keep a
        # sender waiting for many seconds before it learns that Redis is gone.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 3),
        # Opened only when so many threads ask at once; past it, redis-py refuses.
        max_connections=1000,
    )


def _loads(raw: Any) -> State | None:
    return json.loads(raw) if raw else None


def _dumps(state: State | None) -> str:
    return json.dumps(state, separators=(",", ":")) if state else ""


def _read_in_redis(name: str) -> tuple[str, float]:
    pipe = client().pipeline(transaction=False)
    pipe.get(name)
    pipe.time()
    raw, (seconds, microseconds) = pipe.execute()
    return raw or "", seconds + microseconds / 1_000_000


def _update_in_redis(name: str, change: Change[T]) -> T:
    write = client().register_script(COMPARE_AND_SET)
    while True:
        raw, now = _read_in_redis(name)
        before = _loads(raw)
        unchanged = _dumps(before)
        state, answer = change(before, now)
        after = _dumps(state)
        if after == unchanged:
            return answer
        if write(keys=[name], args=[raw, after, int(KEEP.total_seconds())]):
            return answer
        # Somebody else made progress. Apart in time, both get through sooner.
        time.sleep(random.uniform(0, 0.002))  # noqa: S311  # not a secret


def _update_in_database(key: str, change: Change[T]) -> T:
    with transaction.atomic():
        row = _locked(key)
        unchanged = _dumps(row.value)
        state, answer = change(row.value or None, _database_time())
        if _dumps(state) != unchanged:
            row.value = state
            row.save(update_fields=["value", "updated_at"])
        return answer


def _locked(key: str) -> SharedState:
    # SQLite has no row locks and needs none: its transactions are IMMEDIATE, one at a time.
    rows = SharedState.objects.select_for_update()
    row = rows.filter(key=key).first()
    if row is None:
        # Two may come here at once; the second insert waits for the first and then does nothing.
        SharedState.objects.bulk_create([SharedState(key=key)], ignore_conflicts=True)
        row = rows.get(key=key)
    return row


def _database_time() -> float:
    """One clock for all machines. Read under the row's lock, it never goes backwards there."""
    if connection.vendor != "postgresql":
        return time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(cursor.fetchone()[0])
