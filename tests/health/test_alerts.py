"""Who is told, when, and what becomes of it where nobody listens."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from health.incidents import (
    alert_channels,
    alerts,
    lifecycle,
)
from health.models import Alert, Incident
from health.rules import evaluation
from tests.communications.providers.answering import Answer, Server, answering, closed_port
from tests.health.observations import at, failing, healthy_observation, provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def listener(settings: Settings) -> Iterator[Server]:
    with answering(Answer(200, {})) as server:
        settings.ALERT_URLS = [server.url.replace("http://", "json://")]
        yield server


def open_one() -> Incident:
    lifecycle.apply_matches(evaluation.evaluate_rules(healthy_observation(failing())), at(0))
    return Incident.objects.get()


def close() -> None:
    lifecycle.apply_matches({}, at(60))


def titles(listener: Server) -> list[str]:
    return [json.loads(request.body)["title"] for request in listener.asked]


def pass_time() -> None:
    Alert.objects.filter(send_after__isnull=False).update(send_after=timezone.now())


def test_once_when_it_opens_and_once_when_it_is_over(listener: Server) -> None:
    open_one()
    assert alerts.send_due_alerts() == 1
    for second in range(3, 30, 3):
        lifecycle.apply_matches(
            evaluation.evaluate_rules(healthy_observation(failing(second), seconds=second)),
            at(second),
        )
        alerts.send_due_alerts()
    assert titles(listener) == ["Incident: Most calls to resend fail"]
    close()
    assert alerts.send_due_alerts() == 1
    assert titles(listener)[1:] == ["Recovered: Most calls to resend fail"]
    assert alerts.send_due_alerts() == 0


def test_it_says_what_is_known_and_what_to_do(listener: Server) -> None:
    incident = open_one()
    alerts.send_due_alerts()
    said = json.loads(listener.asked[0].body)["message"]
    for part in ("failed: 5", incident.did, incident.advice, "/admin/health/"):
        assert part in said


def test_a_channel_that_is_away_is_tried_again_and_can_be_seen(settings: Settings) -> None:
    settings.ALERT_URLS = [f"json://127.0.0.1:{closed_port()}/"]
    open_one()
    assert alerts.send_due_alerts() == 0
    alert = Alert.objects.get()
    assert (alert.tries, alert.sent_at) == (1, None)
    assert alert.error == "The channel did not take it, or did not answer."
    assert alert.send_after is not None
    for _ in range(2):
        pass_time()
        alerts.send_due_alerts()
    failing_now = {alert.channel: (3, alert.error)}
    [finding] = evaluation.evaluate_rules(
        healthy_observation(provider(), failing_alerts=failing_now)
    ).values()
    assert finding.title == f"Alerts do not get through by {alert.channel}"


def test_it_is_given_up_when_it_is_no_news_any_more(settings: Settings) -> None:
    settings.ALERT_URLS = [f"json://127.0.0.1:{closed_port()}/"]
    open_one()
    Alert.objects.update(created_at=timezone.now() - timedelta(days=2), send_after=timezone.now())
    alerts.send_due_alerts()
    assert Alert.objects.get().send_after is None


def test_the_end_is_not_told_before_the_beginning(listener: Server) -> None:
    open_one()
    close()
    Alert.objects.filter(kind="opened").update(
        send_after=timezone.now() + timedelta(minutes=5),
        error="no answer",
    )
    assert alerts.send_due_alerts() == 0
    pass_time()
    assert alerts.send_due_alerts() + alerts.send_due_alerts() == 2
    assert [title.partition(":")[0] for title in titles(listener)] == ["Incident", "Recovered"]


def test_a_channel_added_later_does_not_hear_the_end_of_what_it_never_heard_of(
    listener: Server,
    settings: Settings,
) -> None:
    open_one()
    settings.ALERT_URLS = [*settings.ALERT_URLS, "json://127.0.0.1:9/new"]
    close()
    assert Alert.objects.filter(kind="recovered").count() == 1
    assert listener.asked == []


def test_a_channel_taken_out_of_the_settings_is_not_used(settings: Settings) -> None:
    settings.ALERT_URLS = ["json://127.0.0.1:9/"]
    open_one()
    settings.ALERT_URLS = []
    alerts.send_due_alerts()
    alert = Alert.objects.get()
    assert alert.send_after is None
    assert "not in ALERT_URLS any more" in alert.error


def test_administrators_get_mail_where_nothing_else_is_set(settings: Settings) -> None:
    settings.ALERT_URLS = []
    settings.ADMINS = [("administrator", "ops@example.com")]
    open_one()
    assert alerts.send_due_alerts() == 1
    assert mail.outbox[0].subject.endswith("Incident: Most calls to resend fail")


def test_nobody_to_tell_is_no_error(settings: Settings) -> None:
    settings.ALERT_URLS, settings.ADMINS = [], []
    open_one()
    assert not Alert.objects.exists()


def test_an_address_that_makes_no_sense_is_said(settings: Settings) -> None:
    settings.ALERT_URLS = ["carrier-pigeon://loft"]
    open_one()
    alerts.send_due_alerts()
    assert "does not understand" in Alert.objects.get().error


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://… ("),
        ("mailto://user:secret@example.com", "mailto://example.com ("),
    ],
)
def test_what_is_shown_of_a_channel_is_no_secret(url: str, expected: str) -> None:
    shown = alert_channels.redacted_url(url)
    assert shown.startswith(expected)
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "A1BRTD4JD", "secret", "T1JJ3T3L2"):
        assert secret not in shown
