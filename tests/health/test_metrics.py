"""`/metrics` as Prometheus reads it, and who may."""

import json
import re
import shutil
import subprocess
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
    rules = alert_rules()
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)
    assert all(panel["targets"] for panel in dashboard_panels())
    for expression in [*dashboard_expressions(), *(rule["expr"] for rule in rules)]:
        assert expression.count("(") == expression.count(")")
        # `on` and `ignoring` match series with series, and a number is none.
        assert not re.search(r"\d\s*[-+*/]\s*(on|ignoring)\b", expression), expression


def alert_rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())[
        "groups"
    ][0]["rules"]
    return rules


def dashboard_panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads((MONITORING / "grafana.json").read_text())["panels"]
    return panels


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in dashboard_panels() for target in panel["targets"]]


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not there: apt-get install prometheus"
)
def test_prometheus_evaluates_every_rule_and_every_panel(
    tmp_path: Path, settings: Settings
) -> None:
    settings.REDIS_URL = settings.REDIS_URL or "redis://127.0.0.1:9/0"
    evaluator.Evaluator().evaluate()
    recorded = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(dashboard_expressions())
    ]
    rules = {"groups": [{"name": "all", "rules": [*alert_rules(), *recorded]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    checked = {
        "rule_files": ["rules.yaml"],
        "tests": [{"interval": "1m", "input_series": series_of_two_processes()}],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(checked))

    promtool("check", "rules", str(tmp_path / "rules.yaml"))
    promtool("test", "rules", str(tmp_path / "tests.yaml"))


def series_of_two_processes() -> list[dict[str, str]]:
    """What two web processes answer, both of which somebody scrapes against our advice."""
    answer = Client().get("/metrics").content.decode()
    lines = [line for line in answer.splitlines() if not line.startswith("#")]
    return [
        {"series": with_instance(line.rpartition(" ")[0], instance), "values": f"{value}x20"}
        for line in [*lines, *CALENDARS_FAIL]
        for value in [line.rpartition(" ")[2]]
        for instance in ("web-1", "web-2")
    ]


# Nobody has linked anything in this test.
CALENDARS_FAIL = [
    f'wedsync_calendar_accounts{{provider="{vendor}",state="{state}"}} 2'
    for vendor in ("google", "microsoft")
    for state in ("linked", "failing", "reconnect")
]


def with_instance(series: str, instance: str) -> str:
    name, _, labels = series.partition("{")
    return f'{name}{{instance="{instance}",job="wedsync"{"," + labels if labels else "}"}'


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [shutil.which("promtool") or "", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
