"""What everything stands on: the database, Redis, the disk, and who is alive."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import connection
from redis import RedisError

from communications.files import contents
from health.vocabulary.readings import (
    Host,
    ProcessReading,
)
from wedsync_comms.lib import shared_state, tally
from wedsync_comms.lib.models import Heartbeat

log = structlog.get_logger(__name__)
T = TypeVar("T")

# Three missed beats.
BEAT_WITHIN = timedelta(seconds=30)
# An instance that has been silent for longer is history: every restart leaves one behind.
PROCESS_FORGOTTEN_AFTER = timedelta(minutes=15)
# A message that waits for its file asks again after five minutes at most.
STORAGE_MINUTES = 7
PROCESSES = ("dispatcher", "worker", "evaluator")


def collect_host() -> Host:
    """Returns how many milliseconds the database and Redis take, and how full the disk is."""
    used = shutil.disk_usage(settings.BASE_DIR)
    redis_ms = redis_latency_ms()
    return Host(
        database_ms=elapsed_ms(select_one),
        redis_ms=redis_ms,
        redis_ok=redis_ms is not None if settings.REDIS_URL else None,
        disk_used=round(used.used / used.total, 4),
        disk_free_bytes=used.free,
    )


def select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def redis_latency_ms() -> float | None:
    if not settings.REDIS_URL:
        return None
    try:
        return elapsed_ms(lambda: shared_state.client().ping())
    except RedisError as error:
        log.warning("redis_does_not_answer", error=str(error))
        return None


def storage_failures() -> int:
    """Returns how often the storage of files failed in the last minutes."""
    return unless_redis_away(lambda: tally.count_since(contents.FAILURES, STORAGE_MINUTES), 0)


def unless_redis_away(ask: Callable[[], T], otherwise: T) -> T:
    """What Redis says; without an answer, what is said instead: the rest can still be shown."""
    try:
        return ask()
    except shared_state.Unavailable:
        return otherwise


def elapsed_ms(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return round(1000 * (time.perf_counter() - began), 2)


def collect_processes(now: datetime) -> tuple[ProcessReading, ...]:
    """Those heard of lately, and of every kind at least the last one that was."""
    found = []
    for name in PROCESSES:
        beats = Heartbeat.objects.filter(process=name).order_by("-beat_at")
        newest = list(beats[:50])
        recent = [beat for beat in newest if beat.beat_at > now - PROCESS_FORGOTTEN_AFTER]
        found += recent or newest[:1]
    return tuple(
        ProcessReading(
            name=beat.process,
            instance=beat.instance,
            last_beat=beat.beat_at,
            alive=beat.beat_at >= now - BEAT_WITHIN,
        )
        for beat in found
    )
