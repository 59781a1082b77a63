"""Whether PostgreSQL allows as many connections as all processes together may open.

What a process may open is said in docs/operating.md as well.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import Error as DatabaseError
from django.db import connection

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


def knock() -> None:
    """Connects without the pool, which would say after five seconds that it has no connection.

    Raises psycopg.Error with the reason.
    """
    parameters: dict[str, Any] = connection.get_connection_params()
    psycopg.connect(**({"connect_timeout": 5} | parameters)).close()


def allowed_connections() -> int:
    """Returns how many connections PostgreSQL gives us. Raises DatabaseError if it is away."""
    with connection.cursor() as cursor:
        cursor.execute(ALLOWED)
        allowed: int = min(limit for limit in cursor.fetchone() if limit >= 0)
    return allowed


@register(Tags.security, deploy=True)
def check_connections(**_: Any) -> list[CheckMessage]:
    if connection.vendor != "postgresql":
        return []
    try:
        knock()
        allowed = allowed_connections()
    except (DatabaseError, psycopg.Error) as error:
        return [
            Warning(
                f"The database cannot be asked: {' '.join(str(error).split())}",
                hint="Set DATABASE_URL to where PostgreSQL is, with a user who may log in.",
                id="wedsync.W001",
            )
        ]
    needed = connections_by_process()
    counts = {process: settings.REPLICAS.get(process, 1) for process in needed}
    total = sum(counts[process] * each for process, each in needed.items())
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
