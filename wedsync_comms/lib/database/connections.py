"""A thread that waits for somebody else leaves its connection to others."""

from django.db import connection


def give_back_connection() -> None:
    """Returns this thread's connection to the pool, if there is one and no transaction is open.

    The next query takes one again.
    """
    if connection.settings_dict["OPTIONS"].get("pool") and not connection.in_atomic_block:
        connection.close()
