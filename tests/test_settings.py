"""Nothing starts half configured, and a production configuration passes Django's own checks."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STRONG = secrets.token_urlsafe(50)
OURS = (
    "DEBUG",
    "SECRET_KEY",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "REDIS_URL",
    "RESEND_API_KEY",
    "RESEND_API_URL",
    "RESEND_WEBHOOK_SECRET",
    "EMAIL_FROM",
    "ALERT_URLS",
    "ADMINS",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "DJANGO_SETTINGS_MODULE",
)


def manage(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**inherited, "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("key", [None, "", "short", "x" * 49, "django-insecure-" + "x" * 60])
def test_without_a_strong_key_it_does_not_start_and_says_what_to_set(
    tmp_path: Path,
    key: str | None,
) -> None:
    variables = {} if key is None else {"SECRET_KEY": key}
    done = manage(tmp_path, "check", **variables)
    assert done.returncode != 0
    assert "SECRET_KEY is missing or weak" in done.stderr
    assert "secrets.token_urlsafe(50)" in done.stderr


def test_secrets_come_from_files_and_what_is_wrong_with_them_is_said(tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text(f"{STRONG}\n")
    given = {"SECRET_KEY_FILE": str(secret)}

    assert manage(tmp_path, "check", **given).returncode == 0
    twice = manage(tmp_path, "check", SECRET_KEY=STRONG, **given)
    assert "SECRET_KEY and SECRET_KEY_FILE are both set" in twice.stderr
    assert STRONG not in twice.stderr


def test_certificates_that_are_not_there_are_named_at_the_start(tmp_path: Path) -> None:
    away = "/nowhere/ca.pem"
    assert manage(tmp_path, "check", DEBUG="on", REQUESTS_CA_BUNDLE=away).returncode == 0
    done = manage(tmp_path, "check", SECRET_KEY=STRONG, REQUESTS_CA_BUNDLE=away)
    assert done.returncode != 0
    assert "REQUESTS_CA_BUNDLE names /nowhere/ca.pem, which is not there" in done.stderr


def test_a_way_around_a_pooler_leads_to_postgresql(tmp_path: Path) -> None:
    around = manage(
        tmp_path,
        "diffsettings",
        DEBUG="on",
        DATABASE_DIRECT_URL="postgres://me@db.example/wedsync?sslmode=require",
    )
    assert "'sslmode': 'require'" in around.stdout
    wrong = manage(tmp_path, "check", DEBUG="on", DATABASE_DIRECT_URL="sqlite:///x.sqlite3")
    assert "DATABASE_DIRECT_URL is for PostgreSQL" in wrong.stderr


@pytest.mark.parametrize(
    ("given", "least"),
    [({"KEEP_EVENT_DAYS": "1"}, 7), ({"KEEP_DAYS": "6"}, 7), ({"KEEP_TEXT_DAYS": "-1"}, 1)],
)
def test_what_receipts_and_repeats_need_is_kept_long_enough(
    tmp_path: Path, given: dict[str, str], least: int
) -> None:
    [(name, days)] = given.items()
    done = manage(tmp_path, "check", DEBUG="on", **given)
    assert f"{name} is {days}: set it to {least} or more, or to 0" in done.stderr


def test_a_developer_needs_no_key(tmp_path: Path) -> None:
    assert manage(tmp_path, "check", DEBUG="on").returncode == 0


def test_a_production_configuration_passes_the_deployment_checks(
    tmp_path: Path, process_env: dict[str, str]
) -> None:
    done = manage(
        tmp_path,
        "check",
        "--deploy",
        DATABASE_URL=process_env["DATABASE_URL"],
        DATABASE_POOL="on",
        SECRET_KEY=STRONG,
        PUBLIC_URL="https://wedsync.example",
        ALLOWED_HOSTS="wedsync.example",
        RESEND_API_KEY="re_1",
        RESEND_WEBHOOK_SECRET="whsec_dGVzdA==,whsec_b3RoZXI=",
        EMAIL_FROM="Ever After <hello@everafter.example>",
        ALERT_URLS="json://alerts.wedsync.example/",
    )
    assert done.returncode == 0, done.stderr
    # Where the tests run in a container, their SQLite and their files are in one as well.
    found = set(re.findall(r"\((\w+\.\w\d+)\)", done.stderr))
    assert found <= {"wedsync.W009", "wedsync.W010"}


@pytest.mark.parametrize(
    ("url", "seconds"), [("https://localhost", 0), ("https://wedsync.example", 31_536_000)]
)
def test_browsers_do_not_remember_https_for_localhost(
    tmp_path: Path, url: str, seconds: int
) -> None:
    shown = manage(
        tmp_path,
        "diffsettings",
        SECRET_KEY=STRONG,
        SECRET_KEY_FALLBACKS="older,oldest",
        PUBLIC_URL=url,
        ALLOWED_HOSTS="x",
        SELF_TEST_URL="wedsync.example",
    ).stdout
    assert "SELF_TEST_URL = 'https://wedsync.example'" in shown
    assert "SECRET_KEY_FALLBACKS = ['older', 'oldest']" in shown
    assert ("SECURE_HSTS_SECONDS = 31536000" in shown) is (seconds > 0)


def test_what_is_missing_for_a_provider_is_said(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", SECRET_KEY=STRONG, RESEND_API_KEY="re_1")
    assert done.returncode != 0
    assert "EMAIL_FROM" in done.stderr
    assert "webhook" in done.stderr
    broken = manage(
        tmp_path,
        "check",
        SECRET_KEY=STRONG,
        RESEND_API_KEY="re_1",
        RESEND_WEBHOOK_SECRET="whsec_",
        EMAIL_FROM="a@example.com",
    )
    assert broken.returncode != 0
    assert "communications.E001" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_no_migration_is_missing(tmp_path: Path) -> None:
    done = manage(tmp_path, "makemigrations", "--check", "--dry-run", DEBUG="on")
    assert done.returncode == 0, done.stdout
