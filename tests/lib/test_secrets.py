"""Secrets at rest, and keys that change."""

import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as project
from pytest_django import Settings

from wedsync_comms.lib import secrets

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_what_was_sealed_can_be_opened_and_not_be_read() -> None:
    token = secrets.seal("the refresh token")
    assert "refresh" not in token
    assert secrets.unseal(token) == "the refresh token"
    assert secrets.seal("the refresh token") != token


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    token = secrets.seal("mine")
    assert not secrets.is_stale(token)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert secrets.unseal(token) == "mine"
    assert secrets.is_stale(token)
    assert not secrets.is_stale(secrets.seal("mine"))


def test_without_its_key_it_stays_closed(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    token = secrets.seal("mine")
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(secrets.Unreadable):
        secrets.unseal(token)


def started(**env: str) -> str:
    """What a start of the settings says, in a process of its own."""
    command = [sys.executable, "-c", "from wedsync_comms import settings; print('started')"]
    base = {"SECRET_KEY": "x" * 60, "DATABASE_URL": "sqlite:///:memory:", "ENCRYPTION_KEYS": ""}
    done = subprocess.run(
        command, cwd=project.BASE_DIR, env=base | env, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_nothing_starts_that_would_keep_tokens_without_a_key_of_its_own() -> None:
    calendars = {"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "secret"}
    assert "ENCRYPTION_KEYS is missing" in started(**calendars)
    assert "started" in started(**calendars, ENCRYPTION_KEYS=NEW)
    assert "started" in started(**calendars, DEBUG="on")
    assert "started" in started()


@pytest.mark.parametrize("given", ["", "secre", "secret!", "geheim ü", "\ud800"])
def test_only_the_same_secret_is_the_same(given: str) -> None:
    assert secrets.is_same("secret", "secret")
    assert not secrets.is_same(given, "secret")
