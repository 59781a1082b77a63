"""DATABASE_URL -> Django's settings of the database: the one way, whatever the process.

What the URL says holds: its options are added to ours and win where both name one.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Settings = dict[str, Any]

# Measured with three writing processes: with anything less, up to 45 % of the writes fail with
# "database is locked". Commits stay durable (synchronous=FULL): a stored webhook is safe.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
POOL = {
    # What nobody uses is closed, one connection every `max_idle` seconds.
    "min_size": 0,
    "max_idle": 3.0,
    # How long a thread waits for one of them: also while the database is away.
    "timeout": 5.0,
    # How long one connection is tried for before somebody has to ask again. By default the pauses
    # grow to minutes, and a database that is back would be found as late.
    "reconnect_timeout": 2.0,
}
PERSISTENT_S = 60
# Django's, with a pool that fails quickly.
ENGINE = "wedsync_comms.lib.database.postgresql"
SWITCHES = {"true": True, "on": True, "yes": True, "1": True}
SWITCHES |= {"false": False, "off": False, "no": False, "0": False}
# What Django takes for true or false; a text would always be true.
SWITCHED = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "DISABLE_SERVER_SIDE_CURSORS", "CONN_HEALTH_CHECKS")
SWITCHED_OPTIONS = ("pool", "server_side_binding")


def database_settings(parsed: Mapping[str, Any], *, pool_size: int) -> Settings:
    """Returns what belongs into `DATABASES`.

    `parsed` is what django-environ read from the URL; `pool_size` is how many connections a process
    may have to PostgreSQL, and 0 means one for each thread that needs one. Raises
    `ImproperlyConfigured` for an option that is neither true nor false where it has to be.
    """
    found = {**parsed, "OPTIONS": dict(parsed.get("OPTIONS", {}))}
    read_switches(found, SWITCHED)
    read_switches(found["OPTIONS"], SWITCHED_OPTIONS)
    if found["ENGINE"].endswith("sqlite3"):
        found["OPTIONS"] = SQLITE_OPTIONS | found["OPTIONS"]
        return found
    found["ENGINE"] = ENGINE
    # A cursor of the server's belongs to a session, and PgBouncer lends one for a transaction. None
    # of our results is too large for the memory of a process.
    found.setdefault("DISABLE_SERVER_SIDE_CURSORS", True)
    # A connection that broke while nobody used it is noticed by who gets it, before it is used.
    found.setdefault("CONN_HEALTH_CHECKS", True)
    wants_pool = found["OPTIONS"].pop("pool", True) and found.get("CONN_MAX_AGE") != 0
    if pool_size and wants_pool:
        return pooled(found, pool_size)
    # A connection for each request costs a factor of ten.
    found.setdefault("CONN_MAX_AGE", PERSISTENT_S)
    return found


def pooled(found: Settings, size: int) -> Settings:
    """Returns the settings with a pool, in which the age of a connection is the pool's business."""
    age = found.pop("CONN_MAX_AGE", None)
    lifetime = {} if age is None else {"max_lifetime": float(age)}
    return {**found, "OPTIONS": {**found["OPTIONS"], "pool": POOL | lifetime | {"max_size": size}}}


def read_switches(given: Settings, names: tuple[str, ...]) -> None:
    for name in names:
        if name in given:
            word = str(given[name]).lower()
            if word not in SWITCHES:
                raise ImproperlyConfigured(
                    f"DATABASE_URL says {name}={given[name]}: it must be true or false.",
                )
            given[name] = SWITCHES[word]
