"""`GET /api/health/`: the fixed shape, and nobody else's numbers."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from communications.models import Organization
from communications.policy import retry_policy
from health.incidents import evaluator
from health.models import Failure, Incident
from tests import factories
from tests.communications.engine.conftest import (  # noqa: F401 (fixtures)
    mailing,
    servers,
)
from tests.communications.engine.mailing import Mailing

pytestmark = pytest.mark.django_db
PROMISED = {
    "provider",
    "channel",
    "status",
    "breaker",
    "success_rate",
    "latency_p95_ms",
    "last_success_at",
    "last_failure_at",
    "last_webhook_at",
    "rate_limit",
    "webhook_endpoint",
}


def asked(user: User) -> dict[str, Any]:
    token = factories.token(user)
    answer = Client().get("/api/health/", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def first(found: dict[str, Any]) -> dict[str, Any]:
    return next(provider for provider in found["providers"] if provider["provider"] == "first")


def platform() -> User:
    return User.objects.create_superuser("platform")


@pytest.fixture
def broken(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> Organization:  # noqa: F811 (the fixture)
    """An organization some of whose messages failed at a provider that is fine again."""
    # Nothing is retried meanwhile, however busy this machine is.
    monkeypatch.setattr(retry_policy, "BACKOFF", [timedelta(hours=1)] * 5)
    venue = factories.organization()
    for _ in range(4):
        factories.message(venue)
    mailing.breaks("status", status=500, mode="before")
    mailing.send_due()
    mailing.recovers()
    factories.message(venue)
    mailing.send_due()
    evaluator.Evaluator().evaluate()
    return venue


def test_it_has_the_promised_shape(broken: Organization) -> None:
    found = asked(factories.member(broken))
    assert set(first(found)) >= PROMISED
    assert set(found) >= {"providers", "queue", "workers", "incidents"}
    assert {worker["name"] for worker in found["workers"]} == {"dispatcher", "evaluator"}
    assert found["watched"]


def test_members_see_their_own_numbers_and_nobody_elses(broken: Organization) -> None:
    theirs, others = asked(factories.member(broken)), asked(factories.member())
    assert first(theirs)["success_rate"] == 0.2
    assert theirs["queue"]["unknown"] == 4
    assert first(others)["success_rate"] is None
    assert others["queue"]["unknown"] == 0
    assert first(others)["last_success_at"] is None


def test_what_is_everybodys_is_told_without_everybodys_numbers(broken: Organization) -> None:
    assert Incident.objects.open().exists()
    for user in (factories.member(broken), factories.member()):
        [incident] = asked(user)["incidents"]
        assert incident["title"] == "Most calls to first fail"
        assert incident["evidence"] == {}
    [shown] = asked(platform())["incidents"]
    assert shown["evidence"]["failed"] == 4


@pytest.mark.usefixtures("broken")
def test_platform_administrators_see_all() -> None:
    found = asked(platform())
    assert first(found)["success_rate"] == 0.2
    assert found["queue"]["unknown"] == 4


def test_an_incident_of_one_organization_is_no_others_business(db: None) -> None:  # noqa: ARG001
    mine, theirs = factories.organization(), factories.organization()
    now = factories.message(mine).created_at
    Incident.objects.create(
        cause="senders:1",
        kind="account",
        severity="warning",
        title="Its own",
        provider="first",
        organization=mine,
        suspected_at=now,
        last_seen_at=now,
        opened_at=now,
        evidence={"number": 7},
    )
    assert asked(factories.member(mine))["incidents"][0]["evidence"] == {"number": 7}
    assert asked(factories.member(theirs))["incidents"] == []


def test_strangers_are_turned_away(db: None) -> None:  # noqa: ARG001
    assert Client().get("/api/health/").status_code == 401
    nobody = User.objects.create_user("nobody")
    headers = {"Authorization": f"Token {factories.token(nobody)}"}
    assert Client().get("/api/health/", headers=headers).status_code == 403


def test_failures_are_kept_with_their_redacted_exchange(broken: Organization) -> None:
    [mine] = Failure.objects.filter(organization=broken)
    assert (mine.error_class, mine.provider) == ("ServerFailed", "first")
    assert mine.exchange["source"] == "response"
    assert "@" not in str(mine.exchange)
    assert Failure.objects.filter(organization=None).count() == 1
