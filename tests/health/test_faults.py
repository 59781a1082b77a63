"""A provider's faults, switched on in the sandbox: the right incident, one alert, and its end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from communications.models import Attempt, Call, Event, Organization
from communications.providers import registry
from health.collecting import probes
from health.incidents import (
    alerts,
    evaluator,
)
from health.models import Incident, Rollup
from health.reporting import summary
from health.vocabulary.readings import State
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.conftest import (  # noqa: F401 (fixtures)
    mailing,
    servers,
    venue,
)
from tests.communications.engine.mailing import Mailing
from tests.communications.providers.answering import Answer, Server, answering
from wedsync_comms.lib import heartbeats

pytestmark = pytest.mark.django_db

FAULTS: dict[str, tuple[str, dict[str, Any], State]] = {
    "failing": ("status", {"status": 503, "mode": "before"}, State.DOWN),
    "credentials": ("status", {"status": 401}, State.DOWN),
    "throttled": ("rate_limit", {"retry_after": 30}, State.DEGRADED),
    "failing too": ("drop_connection", {"mode": "before"}, State.DOWN),
    "failing as well": ("bad_body", {"body": "broken"}, State.DOWN),
}


@pytest.fixture
def listener(settings: Settings) -> Iterator[Server]:
    with answering(Answer(200, {})) as server:
        settings.ALERT_URLS = [server.url.replace("http://", "json://")]
        yield server


def evaluate() -> None:
    heartbeats.record_beat("dispatcher", "here:1")
    evaluator.Evaluator().evaluate()
    while alerts.send_due_alerts():
        pass


def pass_time(seconds: float) -> None:
    """Everything that was seen is so much longer ago."""
    shift = timedelta(seconds=seconds)
    Event.objects.update(recorded_at=F("recorded_at") - shift)
    Incident.objects.update(last_seen_at=F("last_seen_at") - shift)


def heard(listener: Server) -> list[str]:
    return [json.loads(request.body)["title"].partition(":")[0] for request in listener.asked]


def state() -> State:
    found = summary.build_summary(None).providers
    return next(provider.status for provider in found if provider.provider == "first")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_incident_and_one_alert_until_it_is_over(
    mailing: Mailing,  # noqa: F811 (the fixture)
    venue: Organization,  # noqa: F811
    listener: Server,
    name: str,
) -> None:
    fault, options, expected = FAULTS[name]
    evaluate()
    assert state() == State.OPERATIONAL
    mailing.breaks(fault, **options)
    for _ in range(4):
        factories.message(venue)
    mailing.send_due()
    for _ in range(3):
        evaluate()
    [incident] = Incident.objects.open()
    assert incident.kind == name.partition(" ")[0]
    assert incident.did
    assert incident.advice
    assert state() == expected
    assert heard(listener) == ["Incident"]

    mailing.recovers()
    registry.breaker_for("first").resume()
    pass_time(60)
    mailing.pass_time()
    factories.message(venue)
    mailing.send_due()
    evaluate()
    assert not Incident.objects.open().exists()
    assert state() == State.OPERATIONAL
    assert heard(listener) == ["Incident", "Recovered"]


def test_an_answer_that_does_not_come_shows_long_before_the_call_is_given_up(
    mailing: Mailing,  # noqa: F811
    venue: Organization,  # noqa: F811
) -> None:
    assert mailing.requests() == []
    now = timezone.now()
    call = Call.objects.create(provider="first", repeat_after=now + timedelta(minutes=1), tries=1)
    attempt = rows.attempt(rows.message(venue), call, started_at=now)
    evaluate()
    assert not Incident.objects.open().exists()

    Attempt.objects.filter(pk=attempt.pk).update(started_at=now - timedelta(seconds=6))
    evaluate()

    [incident] = Incident.objects.open()
    assert (incident.kind, state()) == ("hanging", State.DEGRADED)
    assert incident.evidence == {"messages that wait for an answer": 1}


def test_a_probe_tells_that_a_provider_is_back_without_traffic(
    mailing: Mailing,  # noqa: F811
    venue: Organization,  # noqa: F811
) -> None:
    mailing.breaks("status", status=503, mode="before")
    for _ in range(4):
        factories.message(venue)
    mailing.send_due()
    evaluate()
    mailing.recovers()
    pass_time(60)
    evaluate()
    assert Incident.objects.open().exists()
    pass_time(60)
    assert probes.run_probes_of("first")[0].ok
    evaluate()
    assert not Incident.objects.open().exists()


def test_silence_while_sending_goes_on_is_noticed(
    mailing: Mailing,  # noqa: F811
    venue: Organization,  # noqa: F811
    listener: Server,
    settings: Settings,
) -> None:
    options = settings.PROVIDERS["first"]["OPTIONS"] | {"webhook_secrets": ["whsec_c2VjcmV0"]}
    settings.PROVIDERS = {"first": {**settings.PROVIDERS["first"], "OPTIONS": options}}
    Rollup.objects.create(
        at=timezone.now() - timedelta(hours=2),
        provider="first",
        delay=[0] * 9 + [20],
        receipts=20,
    )
    for _ in range(3):
        factories.message(venue)
    mailing.send_due()
    evaluate()
    assert not Incident.objects.open().exists()
    pass_time(14)
    evaluate()
    [incident] = Incident.objects.open()
    assert incident.kind == "silence"
    assert incident.evidence["calls without a receipt, at least"] == 3
    assert heard(listener) == ["Incident"]
