"""While PostgreSQL is away, only the first of many waits for the pool."""

import time
from collections.abc import Iterator

import environ
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from tests.servers import free_port
from wedsync_comms.lib.database.database_settings import database_settings
from wedsync_comms.lib.database.postgresql.base import DatabaseWrapper

TIMEOUT_S = 0.8


@pytest.fixture
def away() -> Iterator[DatabaseWrapper]:
    url = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    found = database_settings(environ.Env.db_url_config(url), pool_size=2)
    found["OPTIONS"]["pool"]["timeout"] = TIMEOUT_S
    handler = ConnectionHandler({"default": {}, "away": found})
    wrapper = DatabaseWrapper(handler.databases["away"], alias="away")
    yield wrapper
    wrapper.close_pool()


def seconds_to_fail(wrapper: DatabaseWrapper) -> float:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        wrapper.ensure_connection()
    return time.monotonic() - began


@pytest.mark.django_db
def test_the_others_hear_at_once_that_it_is_away(away: DatabaseWrapper) -> None:
    assert seconds_to_fail(away) >= TIMEOUT_S
    assert seconds_to_fail(away) < TIMEOUT_S / 2
