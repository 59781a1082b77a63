"""`/metrics` as Prometheus reads it, and who may."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from health.incidents import evaluator

pytestmark = pytest.mark.django_db

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"


def scraped(**headers: str) -> dict[str, Any]:
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {sample.name: sample for family in families for sample in family.samples}


def test_prometheus_can_read_them() -> None:
    evaluator.Evaluator().evaluate()
    found = scraped()
    assert found["wedsync_processes_alive"].value == 1
    assert found["wedsync_evaluator_last_run_timestamp_seconds"].value > 0
    assert found["wedsync_provider_status"].labels.keys() == {"provider", "channel", "status"}
    assert found["wedsync_queue_oldest_seconds"].value == 0


@pytest.mark.parametrize("name", ["alerts.yaml", "grafana.json"])
def test_what_is_monitored_is_measured(name: str, settings: Settings) -> None:
    settings.REDIS_URL = settings.REDIS_URL or "redis://127.0.0.1:9/0"
    wanted = set(re.findall(r"wedsync_[a-z_]+", (MONITORING / name).read_text()))
    there = set(re.findall(r"# TYPE (wedsync_[a-z_]+)", Client().get("/metrics").content.decode()))
    assert wanted
    assert {question.removesuffix("_bucket") for question in wanted} <= there


def test_the_rules_and_the_dashboard_are_well_formed() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((MONITORING / "grafana.json").read_text())["panels"]
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)
    assert all(panel["targets"] for panel in panels)


def test_a_stranger_is_refused() -> None:
    assert Client(REMOTE_ADDR="9.9.9.9").get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"X-Forwarded-For": "9.9.9.9"}).status_code == 403
    assert Client(REMOTE_ADDR="10.0.0.7").get("/metrics").status_code == 200


def test_a_token_opens_them_from_anywhere(settings: Settings) -> None:
    settings.METRICS_TOKEN = "let-me-in"
    far = Client(REMOTE_ADDR="9.9.9.9")
    for given, status in (("Bearer let-me-in", 200), ("Bearer other", 403), ("", 403)):
        assert far.get("/metrics", headers={"Authorization": given}).status_code == status
    assert Client().get("/metrics").status_code == 403
