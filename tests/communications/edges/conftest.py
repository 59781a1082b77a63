from collections.abc import Iterator

import pytest
from django.db import connection

from tests.communications.edges.servers import Live, live
from tests.conftest import database_url, environment_of_processes


@pytest.fixture(scope="package")
def long_lived(django_db_setup: None) -> Iterator[Live]:  # noqa: ARG001
    """One server for all tests here: it holds no transaction while tables are emptied."""
    database = database_url(str(connection.settings_dict["NAME"]))
    env = {**environment_of_processes(), "DATABASE_URL": database}
    with live(env) as running:
        yield running


@pytest.fixture
def server(long_lived: Live, transactional_db: None) -> Live:  # noqa: ARG001
    return long_lived
