"""Counting what anybody outside can make happen as often as they like."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from communications.models import WebhookDelivery
from wedsync_comms.lib import (
    shared_state,
    tally,
)
from wedsync_comms.lib.leases import process_lease
from wedsync_comms.lib.models import SharedState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_pending() -> Iterator[None]:
    yield
    tally._pending.clear()
    tally._quiet_until.clear()


def test_the_first_is_known_at_once() -> None:
    tally.count_event("door")
    assert (tally.count_since("door"), tally.total_count("door")) == (1, 1)
    assert tally.last_counted("door") is not None


def test_many_cost_next_to_nothing() -> None:
    tally.count_event("door")
    with CaptureQueriesContext(connection) as queries:
        for _ in range(200):
            tally.count_event("door")
    assert len(queries) <= 16
    tally._quiet_until.clear()
    tally.count_event("door")
    assert tally.total_count("door") == 202


def test_what_is_long_ago_is_not_lately() -> None:
    old = {"counts": {"1": 7}, "total": 7, "last": 60.0}
    shared_state.update_state("tally:door", lambda _state, _now: (old, None))
    tally.count_event("door")
    assert (tally.count_since("door"), tally.total_count("door")) == (1, 8)


def test_forged_webhooks_make_no_rows(settings: Settings) -> None:
    settings.PROVIDERS = {
        "resend": {
            "BACKEND": "communications.providers.resend.Resend",
            "OPTIONS": {"api_key": "re", "sender": "a@b.c", "webhook_secrets": ["whsec_c2VjcmV0"]},
        },
    }
    headers = {"svix-id": "msg_1", "svix-timestamp": "1", "svix-signature": "v1,forged"}
    for _ in range(50):
        answer = Client().post(
            "/api/webhooks/communications/resend",
            b"{}",
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code == 403
    assert not WebhookDelivery.objects.exists()
    assert SharedState.objects.filter(key__startswith="tally:").count() <= 1
    assert tally.count_since("forged:resend") >= 1


# --- leases -------------------------------------------------------------------------------------


def test_one_holder_at_a_time_and_the_next_when_it_is_given_back() -> None:
    assert process_lease.acquire("watch", "a", 60)
    assert process_lease.acquire("watch", "a", 60)
    assert not process_lease.acquire("watch", "b", 60)
    process_lease.release("watch", "b")
    assert not process_lease.acquire("watch", "b", 60)
    process_lease.release("watch", "a")
    assert process_lease.acquire("watch", "b", 60)


@pytest.mark.parametrize(("now", "free"), [(109.0, False), (110.0, True), (40.0, True)])
def test_a_lease_ends_by_itself_also_when_the_clock_was_set_back(now: float, free: bool) -> None:  # noqa: FBT001
    state = {"holder": "a", "until": 110.0, "seconds": 10.0}
    assert process_lease.acquired_state(state, now, holder="b", seconds=10)[1] == free
