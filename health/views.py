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


def liveness(_: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readiness(_: HttpRequest) -> JsonResponse:
    """200 if everything this process needs answers, else 503; what is wrong is in the body."""
    checks = {name: check_answer(check) for name, check in READINESS_CHECKS.items()}
    ok = all(value == "ok" for name, value in checks.items() if name not in ADVISORY_CHECKS)
    body = {"status": "ok" if ok else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if ok else 503)


def check_answer(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, RedisError, shared_state.Unavailable) as error:
        log.warning("not_ready", error=str(error))
        return "does not answer"


def check_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def check_migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} to apply: run manage.py migrate" if missing else "ok"


def check_redis() -> str:
    if settings.REDIS_URL:
        shared_state.client().ping()
    return "ok"


def check_dispatcher() -> str:
    alive = heartbeats.is_alive("dispatcher", BEAT_WITHIN)
    return "ok" if alive else "no heartbeat: start manage.py dispatcher"


def check_worker() -> str:
    alive = heartbeats.is_alive("worker", BEAT_WITHIN)
    return "ok" if alive else "no heartbeat: start manage.py worker"


def check_evaluator() -> str:
    alive = heartbeats.is_alive(EVALUATOR, WATCHED_WITHIN)
    return "ok" if alive else "nobody applies the rules: dispatchers and workers do"


@never_cache
def prometheus_metrics(request: HttpRequest) -> HttpResponse:
    if refusal := exposition.metrics_refusal(request):
        return HttpResponse(refusal, status=403, content_type="text/plain")
    return HttpResponse(exposition.metrics_text(), content_type=exposition.CONTENT_TYPE)


# Said, and no reason to send nobody here any more: what is watched works without being watched.
ADVISORY_CHECKS = {"evaluator"}
READINESS_CHECKS: dict[str, Callable[[], str]] = {
    "database": check_database,
    "migrations": check_migrations,
    "redis": check_redis,
    "dispatcher": check_dispatcher,
    "worker": check_worker,
    "evaluator": check_evaluator,
}
