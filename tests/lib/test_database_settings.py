"""Every option of DATABASE_URL holds, in every process: there is one way to build the settings."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from wedsync_comms.lib.database.database_settings import database_settings

ROOT = Path(__file__).parents[2]
SERVER = "postgres://user:pa%40ss@db.example:6432/wedsync"
# What libpq and Django know: as it stands in the URL, and as it has to arrive.
OPTIONS = {
    "sslmode=verify-full": ("sslmode", "verify-full"),
    "sslrootcert=/etc/ssl/ca.pem": ("sslrootcert", "/etc/ssl/ca.pem"),
    "sslcert=/run/cert.pem": ("sslcert", "/run/cert.pem"),
    "sslkey=/run/key.pem": ("sslkey", "/run/key.pem"),
    "channel_binding=require": ("channel_binding", "require"),
    "gssencmode=disable": ("gssencmode", "disable"),
    "application_name=wedsync": ("application_name", "wedsync"),
    "connect_timeout=3": ("connect_timeout", 3),
    "keepalives_idle=30": ("keepalives_idle", 30),
    "target_session_attrs=read-write": ("target_session_attrs", "read-write"),
    "options=-c%20statement_timeout%3D5000": ("options", "-c statement_timeout=5000"),
    "passfile=/run/pgpass": ("passfile", "/run/pgpass"),
    "isolation_level=4": ("isolation_level", 4),
    "assume_role=app": ("assume_role", "app"),
    "server_side_binding=false": ("server_side_binding", False),
}


def built(url: str, pool_size: int = 5) -> dict[str, Any]:
    return database_settings(environ.Env.db_url_config(url), pool_size=pool_size)


@pytest.mark.parametrize("pool_size", [0, 5])
@pytest.mark.parametrize(("text", "expected"), OPTIONS.items(), ids=OPTIONS)
def test_an_option_arrives_with_a_pool_and_without(
    text: str, expected: tuple[str, Any], pool_size: int
) -> None:
    found = built(f"{SERVER}?{text}", pool_size)
    name, value = expected
    assert found["OPTIONS"][name] == value
    assert bool(found["OPTIONS"].get("pool")) == bool(pool_size)
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("db.example", 6432, "pa@ss")


def test_all_options_arrive_together() -> None:
    found = built(f"{SERVER}?{'&'.join(OPTIONS)}")
    del found["OPTIONS"]["pool"]
    assert found["OPTIONS"] == dict(OPTIONS.values())


@pytest.mark.parametrize("process", ["wsgi", "asgi"])
def test_no_process_drops_them(process: str) -> None:
    program = (
        f"import wedsync_comms.{process}; from django.db import connection;"
        "print(connection.get_connection_params()['sslmode'],"
        " connection.settings_dict['OPTIONS']['pool']['max_size'])"
    )
    given = {n: v for n, v in os.environ.items() if not n.startswith("DATABASE_")}
    env = {**given, "DATABASE_URL": f"{SERVER}?sslmode=require", "DATABASE_POOL_SIZE": "7"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["require", "7"], done.stderr


def test_postgresql_is_pooled_unless_it_is_switched_off() -> None:
    assert built(SERVER)["OPTIONS"]["pool"]["max_size"] == 5
    assert built(f"{SERVER}?pool=true")["OPTIONS"]["pool"]["max_size"] == 5
    for unpooled in (built(SERVER, 0), built(f"{SERVER}?pool=off")):
        assert unpooled["OPTIONS"] == {}
        assert unpooled["CONN_MAX_AGE"] == 60
        assert unpooled["CONN_HEALTH_CHECKS"] is True


def test_a_pool_is_empty_again_within_a_minute() -> None:
    pool = built(SERVER, 12)["OPTIONS"]["pool"]
    assert pool["min_size"] == 0
    # It closes one connection after each pause.
    assert pool["max_idle"] * 12 < 60


@pytest.mark.parametrize(
    ("asked", "lifetime", "age"),
    [("600", 600.0, None), ("0", None, 0), ("None", None, None)],
)
def test_an_age_of_connections_is_respected(
    asked: str, lifetime: float | None, age: int | None
) -> None:
    found = built(f"{SERVER}?CONN_MAX_AGE={asked}")
    assert found["OPTIONS"].get("pool", {}).get("max_lifetime") == lifetime
    assert found.get("CONN_MAX_AGE") == age
    assert built(f"{SERVER}?CONN_MAX_AGE={asked}", 0)["CONN_MAX_AGE"] == (
        int(asked) if asked.isdigit() else None
    )


@pytest.mark.parametrize("name", ["CONN_HEALTH_CHECKS", "DISABLE_SERVER_SIDE_CURSORS"])
@pytest.mark.parametrize("word", ["true", "True", "1", "false", "False", "0"])
def test_what_is_true_or_false_is_no_text(name: str, word: str) -> None:
    assert built(f"{SERVER}?{name}={word}")[name] is (word in {"true", "True", "1"})


def test_what_is_neither_is_refused_with_a_sentence() -> None:
    with pytest.raises(ImproperlyConfigured, match="CONN_HEALTH_CHECKS=maybe"):
        built(f"{SERVER}?CONN_HEALTH_CHECKS=maybe")


def test_sqlite_takes_options_too_and_keeps_ours() -> None:
    found = built("sqlite:////tmp/some.sqlite3?timeout=3")
    assert found["OPTIONS"]["timeout"] == 3
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "pool" not in found["OPTIONS"]
