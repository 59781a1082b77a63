"""Django's PostgreSQL with its pool, which is waited for once while the database is away."""

import os
from typing import Any

from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

# Enough for a database that is there: the pool keeps asking whether it is back.
AWAY_TIMEOUT_S = 0.2

_pools_of_parents: list[Any] = []


class DatabaseWrapper(base.DatabaseWrapper):
    """The database's `ENGINE`.

    A pool says that nothing answers only after its whole timeout. If each request waited for that,
    those that need no database, like `/health/live`, would wait for a thread as long.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        pool = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        try:
            found = super().get_new_connection(conn_params)
        except PoolTimeout:
            pool.timeout = AWAY_TIMEOUT_S
            raise
        pool.timeout = self.settings_dict["OPTIONS"]["pool"]["timeout"]
        return found

    @classmethod
    def leave_pools_to_parent(cls) -> None:
        """Has a forked process open pools of its own: two that read one connection both fail.

        The parent's are kept, unused: to let them go would be to close them.
        """
        pools: dict[str, Any] = cls._connection_pools  # type: ignore[attr-defined]  # no stub
        _pools_of_parents.extend(pools.values())
        pools.clear()


os.register_at_fork(after_in_child=DatabaseWrapper.leave_pools_to_parent)
