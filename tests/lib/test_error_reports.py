"""An error that nobody expected is in the log with its traceback, and reaches ADMINS once."""

import json
import logging
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
import structlog
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from wedsync_comms.lib.reporting import error_mail
from wedsync_comms.lib.reporting.error_mail import ErrorMailHandler
from wedsync_comms.lib.reporting.logs import log_formatter


def breaks(request: HttpRequest, number: int = 0) -> HttpResponse:
    secret = request.POST.get("body", "")
    raise ValueError(f"number {number} is too much" if secret else "nothing came")


def breaks_elsewhere(_: HttpRequest) -> HttpResponse:
    raise LookupError("another\nerror")


urlpatterns = [path("breaks/<int:number>", breaks), path("elsewhere", breaks_elsewhere)]


def at_once(
    *, target: Callable[..., None], args: Any, kwargs: dict[str, Any], **_: object
) -> Thread:
    """Does what a thread would do before it is started."""
    target(*args, **kwargs)
    return Thread()


@pytest.fixture
def handler(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ErrorMailHandler]:
    settings.ROOT_URLCONF = __name__
    settings.ADMINS = [("ops", "ops@everafter.example")]
    monkeypatch.setattr(error_mail, "Thread", at_once)
    found = ErrorMailHandler()
    root = logging.getLogger()
    others = [other for other in root.handlers if isinstance(other, ErrorMailHandler)]
    for other in others:
        root.removeHandler(other)
    root.addHandler(found)
    yield found
    root.removeHandler(found)
    for other in others:
        root.addHandler(other)


def ask(address: str) -> int:
    client = Client(raise_request_exception=False)
    return client.post(address, {"body": "Dear Amelia"}).status_code


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_unhandled_error_is_logged_with_its_traceback(
    settings: Settings, caplog: pytest.LogCaptureFixture, style: str
) -> None:
    settings.ROOT_URLCONF = __name__
    assert ask("/breaks/7") == 500
    (record,) = [record for record in caplog.records if record.exc_info]
    line = log_formatter(style).format(record)
    assert "<traceback object" not in line
    assert "ValueError: number 7 is too much" in line
    assert "in breaks" in line
    if style == "json":
        written = json.loads(line)
        assert written["event"] == "Internal Server Error: /breaks/7"
        assert written["exception"].startswith("Traceback (most recent call last)")


@pytest.mark.usefixtures("handler")
def test_administrators_are_told_once_and_without_what_was_posted() -> None:
    for number in range(3):
        assert ask(f"/breaks/{number}") == 500
    assert ask("/elsewhere") == 500

    first, second = mail.outbox
    assert first.to == ["ops@everafter.example"]
    assert "Internal Server Error: /breaks/0: ValueError: number 0 is too much" in first.subject
    assert "in breaks" in first.body
    assert "Dear Amelia" not in first.body
    assert "\n" not in second.subject


@pytest.mark.usefixtures("handler")
def test_errors_of_the_other_processes_are_reported_too() -> None:
    log = structlog.get_logger("communications.sending.dispatcher")
    log.error("breaker", state="open")
    assert mail.outbox == []
    try:
        json.loads("{")
    except ValueError:
        log.exception("tick_failed")
    (report,) = mail.outbox
    assert "tick_failed: json.decoder.JSONDecodeError: Expecting" in report.subject


def test_a_storm_of_errors_is_no_storm_of_mails(
    handler: ErrorMailHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(error_mail, "monotonic", lambda: now[0])
    due = [handler.is_due("a", f'  File "x.py", line {n}') for n in range(error_mail.MAILS_AN_HOUR)]
    assert all(due)
    assert not handler.is_due("a", '  File "x.py", line 500')
    now[0] = error_mail.HOUR_S
    assert handler.is_due("a", '  File "x.py", line 500')
    assert not handler.is_due("a", '  File "x.py", line 500')
    now[0] += error_mail.SAME_AGAIN_S
    assert handler.is_due("a", '  File "x.py", line 500')


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize("changed", [{"DEBUG": True}, {"ADMINS": []}])
def test_nobody_is_told_under_debug_or_where_nobody_is_named(
    settings: Settings, changed: dict[str, Any]
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    assert ask("/elsewhere") == 500
    assert mail.outbox == []
