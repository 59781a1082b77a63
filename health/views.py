"""Is this process alive, and has it what it needs?"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from redis import RedisError

from health.metrics import exposition
from health.reporting.summary import (
    EVALUATOR,
    WATCHED_WITHIN,
)
from wedsync_comms.lib import (
    heartbeats,
    shared_state,
)

log = structlog.get_logger(__name__)

# Three missed beats.
BEAT_WITHIN = timedelta(seconds=30)


def live(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(_: HttpRequest) -> JsonResponse:
    """200 if everything this process needs answers, else 503; what is wrong is in the body."""
    checks = {name: answer(check) for name, check in CHECKS.items()}
    ok = all(value == "ok" for name, value in checks.items() if name not in ADVISORY)
    body = {"status": "ok" if ok else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if ok else 503)


def answer(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, RedisError, shared_state.Unavailable) as error:
        log.warning("not_ready", error=str(error))
        return "does not answer"


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} to apply: run manage.py migrate" if missing else "ok"


def redis() -> str:
    if settings.REDIS_URL:
        shared_state.client().ping()
    return "ok"


def dispatcher() -> str:
    alive = heartbeats.alive("dispatcher", BEAT_WITHIN)
    return "ok" if alive else "no heartbeat: start manage.py dispatcher"


def worker() -> str:
    alive = heartbeats.alive("worker", BEAT_WITHIN)
    return "ok" if alive else "no heartbeat: start manage.py worker"


def evaluator() -> str:
    alive = heartbeats.alive(EVALUATOR, WATCHED_WITHIN)
    return "ok" if alive else "nobody applies the rules: dispatchers and workers do"


@never_cache
def prometheus(request: HttpRequest) -> HttpResponse:
    if refusal := exposition.refusal(request):
        return HttpResponse(refusal, status=403, content_type="text/plain")
    return HttpResponse(exposition.text(), content_type=exposition.CONTENT_TYPE)


# Said, and no reason to send nobody here any more: what is watched works without being watched.
ADVISORY = {"evaluator"}
CHECKS: dict[str, Callable[[], str]] = {
    "database": database,
    "migrations": migrations,
    "redis": redis,
    "dispatcher": dispatcher,
    "worker": worker,
    "evaluator": evaluator,
}
