"""Whether PostgreSQL is there, up to date, and allows as many connections as we may open.

What a process may open is said in docs/operating.md as well.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from wedsync_comms.lib.database.poolers import LOST_OPTIONS, direct_parameters, has_pooler

# django-q2's sentinel, monitor, pusher and workers have a connection each; see Q_CLUSTER.
CLUSTER_PROCESSES = 3
# Without Redis, wake-ups come over PostgreSQL: for the outbox and for the inbox.
LISTENERS = 2
# What is left of the server's connections for others than superusers, of which some are reserved;
# then what this database and this user may have, where somebody has set that (-1: no limit).
ALLOWED = """
SELECT current_setting('max_connections')::int
     - current_setting('superuser_reserved_connections')::int
     - coalesce(current_setting('reserved_connections', true)::int, 0),
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database()),
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)
"""
CONNECT_TIMEOUT_S = 5
# What PgBouncer says to `options` in DATABASE_URL.
REFUSED_OPTION = "unsupported startup parameter"
NO_OPTIONS = (
    "Take “options” out of DATABASE_URL, and give them to the user instead, for example: "
    "ALTER ROLE wedsync SET statement_timeout = '5s'."
)


def connections_by_process() -> dict[str, int]:
    """Returns how many connections one of each process in the Procfile may have at most."""
    pool = settings.DATABASE_POOL_SIZE
    listeners = 0 if settings.REDIS_URL else LISTENERS
    return {
        "web": settings.WEB_WORKERS * min(pool or settings.WEB_THREADS, settings.WEB_THREADS),
        "live": pool,
        "dispatcher": pool + listeners,
        "worker": pool + CLUSTER_PROCESSES + settings.Q_CLUSTER["workers"],
    }


def knock(parameters: dict[str, Any]) -> bool:
    """Connects without the pool, which would say after five seconds that it has no connection.

    Returns whether a pooler answered. Raises psycopg.Error with the reason.
    """
    limits = {"connect_timeout": CONNECT_TIMEOUT_S}
    with psycopg.connect(**(parameters | limits), autocommit=True) as opened:
        return has_pooler(opened)


def allowed_connections() -> int:
    """Returns how many connections PostgreSQL gives us. Raises DatabaseError if it is away."""
    with connection.cursor() as cursor:
        cursor.execute(ALLOWED)
        allowed: int = min(limit for limit in cursor.fetchone() if limit >= 0)
    return allowed


@register(Tags.security, deploy=True)
def check_database(**_: Any) -> list[CheckMessage]:
    try:
        if connection.vendor != "postgresql":
            return check_migrations()
        is_pooled = knock(connection.get_connection_params())
        return [
            *(check_pooler() if is_pooled else check_connections()),
            *check_migrations(),
        ]
    except (DatabaseError, psycopg.Error) as error:
        return [unreachable("The database", "DATABASE_URL", error)]


def unreachable(what: str, setting: str, error: Exception) -> CheckMessage:
    reason = " ".join(str(error).split())
    hint = f"Set {setting} to a database that is there, with a user who may log in."
    return Warning(
        f"{what} cannot be asked: {reason}",
        hint=NO_OPTIONS if REFUSED_OPTION in reason else hint,
        id="wedsync.W001",
    )


def check_connections() -> list[CheckMessage]:
    needed = connections_by_process()
    counts = {process: settings.REPLICAS.get(process, 1) for process in needed}
    total = sum(counts[process] * each for process, each in needed.items())
    allowed = allowed_connections()
    if total <= allowed:
        return []
    sums = " + ".join(f"{counts[process]} {process} × {each}" for process, each in needed.items())
    return [
        Warning(
            f"All processes together may open {total} connections ({sums}), and PostgreSQL allows "
            f"{allowed}.",
            hint="Raise max_connections (or the limit of the database or the user), or lower "
            "DATABASE_POOL_SIZE, WEB_WORKERS or WEB_THREADS.",
            id="wedsync.W002",
        )
    ]


def check_pooler() -> list[CheckMessage]:
    """What does not work where a connection is lent for one transaction."""
    given = settings.DATABASES["default"]
    lost = [name for name in LOST_OPTIONS if name in given["OPTIONS"]]
    if not given.get("DISABLE_SERVER_SIDE_CURSORS"):
        lost.append("DISABLE_SERVER_SIDE_CURSORS=false")
    if not lost:
        return []
    return [
        Error(
            "DATABASE_URL leads to a pooler (PgBouncer), which lends a connection for one "
            f"transaction: behind it this cannot work: {', '.join(lost)}.",
            hint="Take it out of DATABASE_URL; what the user is given holds (ALTER ROLE … SET …).",
            id="wedsync.E001",
        )
    ]


def check_migrations() -> list[CheckMessage]:
    """Raises DatabaseError if the database is away."""
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not missing:
        return []
    return [
        Warning(
            f"Migrations have not been applied to this database: {missing}.",
            hint="Run “python manage.py migrate” before the new processes start; the old ones may "
            "go on meanwhile.",
            id="wedsync.W005",
        )
    ]


@register(Tags.security, deploy=True)
def check_wakeups(**_: Any) -> list[CheckMessage]:
    """Without Redis, LISTEN is how a dispatcher hears of a message at once."""
    if settings.REDIS_URL or connection.vendor != "postgresql":
        return []
    direct = direct_parameters()
    setting = "DATABASE_DIRECT_URL" if direct else "DATABASE_URL"
    try:
        is_pooled = knock(direct or connection.get_connection_params())
    except psycopg.Error as error:
        # What is wrong with DATABASE_URL was said already.
        return [unreachable("What wakes dispatchers", setting, error)] if direct else []
    if not is_pooled:
        return []
    return [
        Warning(
            f"{setting} leads to a pooler (PgBouncer), so nobody is woken when there is something "
            "to send: dispatchers look ten times a second instead.",
            hint="Set REDIS_URL, or DATABASE_DIRECT_URL to PostgreSQL's own address.",
            id="wedsync.W006",
        )
    ]


@register(Tags.security, deploy=True)
def check_pool(**_: Any) -> list[CheckMessage]:
    if connection.vendor != "postgresql" or settings.DATABASES["default"]["OPTIONS"].get("pool"):
        return []
    return [
        Warning(
            "Each thread keeps a connection to PostgreSQL of its own, also when it has ended.",
            hint="Leave DATABASE_POOL on, and CONN_MAX_AGE and pool out of DATABASE_URL.",
            id="wedsync.W003",
        )
    ]


@register(Tags.security, deploy=True)
def check_replicas(**_: Any) -> list[CheckMessage]:
    unknown = sorted(settings.REPLICAS.keys() - connections_by_process().keys())
    if not unknown:
        return []
    return [
        Warning(
            f"REPLICAS names what is no process: {', '.join(unknown)}.",
            hint=f"It looks like web=2,worker=3; the processes are "
            f"{', '.join(connections_by_process())}.",
            id="wedsync.W004",
        )
    ]
