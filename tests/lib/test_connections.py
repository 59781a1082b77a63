"""Whoever waits for somebody else gives a pooled connection back, and no other."""

from types import SimpleNamespace

import pytest

from wedsync_comms.lib.database import connections


@pytest.mark.parametrize(
    ("options", "in_atomic_block", "closes"),
    [
        ({"pool": {"max_size": 1}}, False, 1),
        ({"pool": {"max_size": 1}}, True, 0),
        ({}, False, 0),
        ({}, True, 0),
    ],
)
def test_only_a_pooled_connection_without_a_transaction_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
    *,
    options: dict[str, object],
    in_atomic_block: bool,
    closes: int,
) -> None:
    closed: list[None] = []
    connection = SimpleNamespace(
        settings_dict={"OPTIONS": options},
        in_atomic_block=in_atomic_block,
        close=lambda: closed.append(None),
    )
    monkeypatch.setattr(connections, "connection", connection)
    connections.give_back_connection()
    assert len(closed) == closes
