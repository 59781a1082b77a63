import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django_q.models import OrmQ
from pytest_django import Settings

from tests.processes.running import MANAGE, Running, eventually, lives, running
from tests.servers import free_port
from wedsync_comms.embedded import Handout, UnusablePort, check_ports, missing_variables

CONFIGURED = ("RESEND_API_KEY", "RESEND_API_URL", "RESEND_WEBHOOK_SECRET", "EMAIL_FROM")


@pytest.fixture
def env(process_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Nothing is configured but the database, as on a developer's machine."""
    ours = {*CONFIGURED, "PUBLIC_URL", "ALLOWED_HOSTS"}
    kept = {name: value for name, value in process_env.items() if name not in ours}
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    return kept | ports | {"DEBUG": "on", "LOG_LEVEL": "INFO", "TMPDIR": str(tmp_path)}


@pytest.fixture
def stack(env: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    arguments = ["run", "--handout", str(tmp_path / "run.env")]
    with running(arguments, env, tmp_path / "log") as process:
        eventually(
            lambda: "is running" in process.output or process.process.poll() is not None, 150
        )
        assert process.process.poll() is None, process.output
        yield process


def assert_all_gone(stack: Running, code: int) -> None:
    assert stack.process.wait(30) == code, stack.output
    assert not [process for process in stack.known.values() if lives(process)]
    assert "Traceback" not in stack.output


def test_everything_starts_and_stops(
    stack: Running,
    env: dict[str, str],
    tmp_path: Path,
) -> None:
    stack.descendants()
    port, sandbox_port = env["PORT"], env["SANDBOX_PORT"]
    token = re.search(r"API token +(\w+)", stack.output)
    assert token
    headers = {"Authorization": f"Token {token[1]}"}
    url = f"http://127.0.0.1:{port}/api/messages/"
    mail = {"channel": "email", "to": "guest@everafter.example", "subject": "Hi", "body": "There"}
    message = requests.post(url, json=mail, headers=headers, timeout=10)
    assert message.status_code == 201, message.text
    own = f"{url}{message.json()['id']}/"
    eventually(
        lambda: requests.get(own, headers=headers, timeout=10).json()["status"] == "delivered"
    )
    assert requests.get(f"http://127.0.0.1:{sandbox_port}/", timeout=10).ok

    # Another shell finds what was made up, until everything is stopped.
    handout = Handout(tmp_path / "run.env")
    command = [*MANAGE, "send_test_webhook", "resend", "email.delivered"]
    tried = subprocess.run(
        command, env=env | handout.read(), cwd=settings.BASE_DIR, capture_output=True, check=False
    )
    assert b"Webhook processed successfully" in tried.stdout, tried.stderr
    stack.process.send_signal(signal.SIGINT)
    assert_all_gone(stack, 0)
    assert not handout.path.exists()


def test_when_one_process_dies_the_others_are_stopped_and_it_is_named(stack: Running) -> None:
    (dispatcher,) = [
        process for process in stack.descendants() if process.cmdline()[-1:] == ["dispatcher"]
    ]
    dispatcher.kill()
    assert_all_gone(stack, 1)
    assert "dispatcher ended with code -9; the others were stopped." in stack.output


def test_it_can_be_stopped_before_it_has_started(env: dict[str, str], tmp_path: Path) -> None:
    arguments = ["run", "--handout", str(tmp_path / "run.env")]
    with running(arguments, env, tmp_path / "log") as process:
        eventually((tmp_path / "run.env").exists)
        eventually(process.descendants)
        process.process.terminate()
        assert_all_gone(process, 0)


def test_a_port_that_is_in_use_is_named_before_anything_starts(
    env: dict[str, str],
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tried = subprocess.run(
            [*MANAGE, "run", "--handout", str(tmp_path / "run.env")],
            env=env | {"SANDBOX_PORT": str(port)},
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
    assert tried.returncode == 1
    assert tried.stderr.startswith(f"CommandError: Port {port} is in use by another program.")
    assert "make run SANDBOX_PORT=" in tried.stderr
    assert not (tmp_path / "run.env").exists()


@pytest.mark.parametrize(
    ("ports", "complaint"),
    [
        (("8000", "8000"), "must differ"),
        (("http", "8025"), "PORT=http is no port"),
        (("8000", "70000"), "SANDBOX_PORT=70000 is no port"),
    ],
)
def test_impossible_ports_are_refused(ports: tuple[str, str], complaint: str) -> None:
    with pytest.raises(UnusablePort, match=complaint):
        check_ports(dict(zip(("PORT", "SANDBOX_PORT"), ports, strict=True)))


def test_the_sandbox_stands_in_for_what_is_not_configured() -> None:
    made_up = missing_variables({"SANDBOX_PORT": "9025", "PORT": "9000"})
    assert made_up["RESEND_API_URL"] == "http://127.0.0.1:9025/resend"
    assert made_up["RESEND_API_KEY"].startswith("re_sandbox")
    assert made_up["PUBLIC_URL"] == "http://127.0.0.1:9000"
    assert "PORT" not in made_up


def test_a_configured_provider_is_used_as_it_is() -> None:
    made_up = missing_variables(
        {"RESEND_API_KEY": "re_real", "PUBLIC_URL": "https://comms.example"}
    )
    assert not [name for name in made_up if name.startswith(("RESEND_", "EMAIL_", "PUBLIC_"))]


def test_what_comes_from_a_file_is_configured_too() -> None:
    made_up = missing_variables({"RESEND_API_KEY_FILE": "/run/secrets/resend"})
    assert "RESEND_API_KEY" not in made_up
    assert "RESEND_API_URL" not in made_up
    assert "TWILIO_AUTH_TOKEN" in made_up


def test_what_a_killed_run_left_behind_is_no_configuration(tmp_path: Path) -> None:
    handout = Handout(tmp_path / "var" / "run.env")
    made_up = missing_variables({})
    handout.write(made_up)
    assert handout.path.stat().st_mode & 0o777 == 0o600
    assert handout.read() == made_up
    assert handout.without_leftovers(made_up | {"HOME": "/"}) == {"HOME": "/"}
    handout.remove()
    assert handout.without_leftovers(made_up) == made_up


@pytest.mark.django_db
def test_the_demo_does_not_wait_half_a_minute_for_the_providers_templates(
    settings: Settings,
) -> None:
    settings.DEBUG = True
    call_command("seed_demo")
    assert [task.func() for task in OrmQ.objects.all()] == ["communications.tasks.sync_templates"]
