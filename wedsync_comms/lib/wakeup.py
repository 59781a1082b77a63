"""Wake a sleeping process now instead of at its next poll.

Best effort in both directions: a lost wake-up costs one poll interval and nothing else, so whoever
listens polls too. Redis where there is one, else PostgreSQL's NOTIFY; SQLite is polled only, and so
is PostgreSQL behind a pooler, unless DATABASE_DIRECT_URL leads around it.
"""

import time
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import psycopg
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from psycopg import sql
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from wedsync_comms.lib import shared_state
from wedsync_comms.lib.database.poolers import listening_connection

log = structlog.get_logger(__name__)

BROKEN = (RedisError, psycopg.Error, DatabaseError, OSError)

# A NOTIFY in every transaction costs more than half of the commit rate (measured with 8 clients),
# so a process notifies at most this often. A listener looks once more shortly after it was woken,
# and so sees what was left out meanwhile.
QUIET = 0.020
SECOND_LOOK = QUIET + 0.010
# While waking does not work, nobody who commits waits for it again and again.
MUTED = 5.0
# How long a wait is deaf to `interrupt`.
STEP = 0.05
REOPEN = (0.5, 30.0)

_quiet_until: dict[str, float] = {}


def wake(topic: str) -> None:
    """Never raises. Called inside a transaction, it waits for the commit."""
    if connection.in_atomic_block:
        transaction.on_commit(partial(wake, topic))
    elif time.monotonic() >= _quiet_until.get(topic, 0.0):
        try:
            _send(topic)
        except BROKEN as error:
            _quiet_until[topic] = time.monotonic() + MUTED
            log.warning("wakeup.lost", topic=topic, error=str(error))


class WakeupListener:
    """Waits for any of the topics. Wake-ups that come between two waits end the next one.

    A broken connection is logged once and reopened; until then, a wait is a sleep.
    """

    def __init__(self, *topics: str) -> None:
        self._topics = topics
        self._source: WakeupSource | None = None
        self._interrupted = False
        self._broken = False
        self._reopen_at = 0.0
        self._reopen_after = REOPEN[0]

    def __enter__(self) -> Self:
        self._attempt(0.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def wait(self, timeout: float) -> bool:
        """True when woken, False after `timeout` seconds or an interrupt."""
        deadline = time.monotonic() + timeout
        while not self._interrupted:
            left = max(0.0, deadline - time.monotonic())
            if self._attempt(min(left, STEP)):
                return True
            if left == 0:
                return False
        self._interrupted = False
        return False

    def interrupt(self) -> None:
        """Ends the present wait, or the next. Takes no lock: safe in a signal handler."""
        self._interrupted = True

    def _attempt(self, seconds: float) -> bool:
        try:
            if self._source is None:
                return self._opened(seconds)
            return self._source.poll(seconds)
        except BROKEN as error:
            self._failed(error)
            time.sleep(seconds)
            return False

    def _opened(self, seconds: float) -> bool:
        if time.monotonic() < self._reopen_at:
            time.sleep(seconds)
            return False
        self._source = _open(self._topics)
        self._reopen_after = REOPEN[0]
        # After an interruption something may have been missed: that counts as a wake-up.
        missed, self._broken = self._broken, False
        return missed or self._source.poll(seconds)

    def _failed(self, error: Exception) -> None:
        self._close()
        if not self._broken:
            log.warning("wakeup.broken", topics=self._topics, error=str(error))
        self._broken = True
        self._reopen_at = time.monotonic() + self._reopen_after
        self._reopen_after = min(2 * self._reopen_after, REOPEN[1])

    def _close(self) -> None:
        source, self._source = self._source, None
        if source:
            source.close()


class WakeupSource(Protocol):
    def poll(self, seconds: float) -> bool: ...

    def close(self) -> None: ...


class RedisSource:
    def __init__(self, topics: tuple[str, ...]) -> None:
        # A connection of its own, without retries: `WakeupListener` decides when to try again.
        self._redis = Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            socket_connect_timeout=1,
            health_check_interval=10,
            retry=Retry(NoBackoff(), 0),
        )
        self._pubsub = self._redis.pubsub()  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(*map(channel_name, topics))
        for _topic in topics:  # confirmed: from here on nothing is missed
            self._pubsub.get_message(timeout=1)

    def poll(self, seconds: float) -> bool:
        woken = self._received(seconds)
        while woken and self._received(0.0):
            pass  # a hundred wake-ups are one
        return woken

    def close(self) -> None:
        self._pubsub.close()
        self._redis.close()

    def _received(self, seconds: float) -> bool:
        message = self._pubsub.get_message(timeout=seconds)
        return message is not None and message["type"] == "message"


class PostgresSource:
    def __init__(self, topics: tuple[str, ...], opened: psycopg.Connection[Any]) -> None:
        self._connection = opened
        for topic in topics:
            self._connection.execute(
                sql.SQL("LISTEN {}").format(sql.Identifier(channel_name(topic)))
            )
        self._look_again_at = 0.0

    def poll(self, seconds: float) -> bool:
        again_in = self._look_again_at - time.monotonic()
        if self._look_again_at:
            seconds = max(0.0, min(seconds, again_in))
        if self._received(seconds):
            self._look_again_at = time.monotonic() + SECOND_LOOK
            return True
        if self._look_again_at and time.monotonic() >= self._look_again_at:
            self._look_again_at = 0.0
            return True
        return False

    def close(self) -> None:
        self._connection.close()

    def _received(self, seconds: float) -> bool:
        received = list(self._connection.notifies(timeout=seconds, stop_after=1))
        if received:  # a hundred wake-ups are one
            list(self._connection.notifies(timeout=0))
        return bool(received)


class SleepingSource:
    def poll(self, seconds: float) -> bool:
        time.sleep(seconds)
        return False

    def close(self) -> None:
        pass


def channel_name(topic: str) -> str:
    return f"{shared_state.PREFIX}wake:{topic}"


def _send(topic: str) -> None:
    if settings.REDIS_URL:
        shared_state.client().publish(channel_name(topic), "")
    elif connection.vendor == "postgresql":
        _quiet_until[topic] = time.monotonic() + QUIET
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [channel_name(topic)])


def _open(topics: tuple[str, ...]) -> WakeupSource:
    if settings.REDIS_URL:
        return RedisSource(topics)
    if connection.vendor == "postgresql" and (opened := listening_connection()):
        return PostgresSource(topics, opened)
    return SleepingSource()
