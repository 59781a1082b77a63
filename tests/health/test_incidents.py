"""One incident a cause, opened and closed with hysteresis."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from health.collecting.observation import Observation
from health.incidents import lifecycle
from health.models import Alert, Incident, IncidentEvent
from health.rules import evaluation
from tests import factories
from tests.health.observations import (
    BARN,
    WRONG,
    at,
    failing,
    healthy_observation,
    provider,
    with_open,
)
from wedsync_comms.lib import heartbeats

pytestmark = pytest.mark.django_db

WELL = provider(accepted=9)


@pytest.fixture(autouse=True)
def barn() -> None:
    factories.organization(pk=BARN)


@pytest.fixture(autouse=True)
def one_channel(settings: Settings) -> None:
    settings.ALERT_URLS = ["json://127.0.0.1:9/"]


def evaluate(*observations: Observation) -> None:
    for observed in observations:
        lifecycle.apply_matches(evaluation.evaluate_rules(with_open(observed)), observed.at)


def alert_kinds() -> list[str]:
    return list(Alert.objects.values_list("kind", flat=True))


@pytest.mark.parametrize("kind", WRONG)
def test_what_lasts_is_opened_and_what_is_gone_for_a_while_is_closed(kind: str) -> None:
    rule, wrong = evaluation.BY_KIND[kind], WRONG[kind]
    lasting = rule.open_after.total_seconds()
    lifecycle.apply_matches(evaluation.evaluate_rules(wrong), at(0))
    assert Incident.objects.open().exists() == (lasting == 0)
    lifecycle.apply_matches(evaluation.evaluate_rules(wrong), at(lasting))
    [incident] = Incident.objects.open()
    assert incident.kind == kind
    gone = lasting + rule.close_after.total_seconds()
    lifecycle.apply_matches({}, at(gone - 1))
    assert Incident.objects.open().exists()
    lifecycle.apply_matches({}, at(gone))
    assert not Incident.objects.unresolved().exists()
    assert alert_kinds() == ["opened", "recovered"]


def test_a_suspicion_that_was_nothing_leaves_no_trace() -> None:
    lifecycle.apply_matches(evaluation.evaluate_rules(WRONG["queue"]), at(0))
    assert Incident.objects.unresolved().count() == 1
    lifecycle.apply_matches({}, at(4))
    assert not Incident.objects.exists()
    assert alert_kinds() == []


def test_what_gets_worse_is_the_same_incident() -> None:
    evaluate(WRONG["slow"])
    evaluate(healthy_observation(failing(4), seconds=4))
    [incident] = Incident.objects.open()
    assert (incident.kind, incident.severity) == ("failing", "critical")
    assert [event.kind for event in incident.history.all()] == ["opened", "escalated"]
    assert alert_kinds() == ["opened", "escalated"]


def test_it_is_not_called_less_than_it_was() -> None:
    evaluate(healthy_observation(failing(0)), healthy_observation(provider(throttled=9), seconds=4))
    [incident] = Incident.objects.open()
    assert incident.kind == "failing"
    assert incident.last_seen_at == at(4)


def test_nobody_acknowledging_it_is_told_once_more_and_no_more() -> None:
    minutes = [0, 14, 15, 16, 60]
    evaluate(*(healthy_observation(failing(60 * n), seconds=60 * n) for n in minutes))
    assert alert_kinds() == ["opened", "escalated"]


def test_an_acknowledged_incident_is_not_escalated() -> None:
    evaluate(healthy_observation(failing(0)))
    Incident.objects.update(acknowledged_at=at(60), acknowledged_by="anna")
    evaluate(healthy_observation(failing(1_000), seconds=1_000))
    assert alert_kinds() == ["opened"]


def test_the_history_says_what_happened() -> None:
    evaluate(healthy_observation(failing(0)), healthy_observation(WELL, seconds=4))
    evaluate(healthy_observation(provider(last_accepted_at=at(3)), seconds=20))
    kinds = list(IncidentEvent.objects.values_list("kind", flat=True))
    assert kinds == ["opened"]
    evaluate(healthy_observation(provider(last_accepted_at=at(30)), seconds=60))
    assert IncidentEvent.objects.filter(kind="resolved").exists()


def test_old_ones_are_forgotten(settings: Settings) -> None:
    evaluate(healthy_observation(failing(0)))
    Incident.objects.update(resolved_at=at(0) - timedelta(days=200))
    settings.KEEP_DAYS = 0
    assert lifecycle.prune_incidents() == 0
    settings.KEEP_DAYS = 90
    assert lifecycle.prune_incidents() > 0
    assert not Incident.objects.exists()


STATES = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([None, *WRONG])),
    min_size=1,
    max_size=25,
)


@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STATES)
def test_never_two_for_one_cause_and_never_faster_than_the_hysteresis(
    sequence: Iterable[tuple[int, str | None]],
) -> None:
    Incident.objects.all().delete()
    seconds = 0
    for step, kind in sequence:
        seconds += step
        found = evaluation.evaluate_rules(WRONG[kind]) if kind else {}
        lifecycle.apply_matches(found, at(seconds))
        causes = list(Incident.objects.unresolved().values_list("cause", flat=True))
        assert len(causes) == len(set(causes))
    for incident in Incident.objects.exclude(opened_at=None):
        assert incident.opened_at is not None
        assert incident.opened_at >= incident.suspected_at
        if incident.resolved_at:
            assert (
                incident.resolved_at - incident.last_seen_at
                >= evaluation.BY_KIND[incident.kind].close_after
            )
        assert incident.alerts.filter(kind="opened").count() == 1
        assert incident.alerts.filter(kind="recovered").count() == (
            incident.resolved_at is not None
        )


def test_the_rules_know_nobody_who_never_ran() -> None:
    heartbeats.record_beat("dispatcher", "here:1")
    assert not evaluation.evaluate_rules(healthy_observation(beats={}))
