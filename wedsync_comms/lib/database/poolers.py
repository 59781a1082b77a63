"""PgBouncer and its like, which lend a connection of PostgreSQL's for one transaction at a time.

What belongs to a session is lost behind them: LISTEN, SET, prepared statements, cursors that are
held. https://www.pgbouncer.org/features.html
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.utils import ConnectionHandler

# Options of DATABASE_URL that are lost, refused, or left to whoever gets the connection next.
LOST_OPTIONS = ("options", "assume_role", "prepare_threshold")


def has_pooler(opened: psycopg.Connection[Any]) -> bool:
    """Says whether somebody else answers in PostgreSQL's place.

    A client is told the number of its server process when it connects. A pooler has none yet, and
    makes one up.
    """
    found = opened.execute("SELECT pg_backend_pid()").fetchone()
    return found is not None and found[0] != opened.info.backend_pid


def direct_parameters() -> dict[str, Any] | None:
    """Returns how to connect to PostgreSQL itself, if DATABASE_DIRECT_URL says so."""
    if not settings.DATABASE_DIRECT:
        return None
    direct = ConnectionHandler({"default": settings.DATABASE_DIRECT})["default"]
    parameters: dict[str, Any] = direct.get_connection_params()
    return parameters


def listening_connection() -> psycopg.Connection[Any] | None:
    """Opens a connection that may LISTEN, or returns None: behind a pooler nobody would hear.

    It is not one of Django's, which are per thread, pooled, and closed when old. Raises
    psycopg.Error.
    """
    direct = direct_parameters()
    parameters = direct or connection.get_connection_params()
    opened: psycopg.Connection[Any] = psycopg.connect(
        **{**parameters, "autocommit": True, "connect_timeout": 2}
    )
    if direct is None and has_pooler(opened):
        opened.close()
        return None
    return opened
