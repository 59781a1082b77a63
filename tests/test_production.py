"""Production has neither the sandbox nor what only the sandbox needs, and misses nothing."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from calendars.providers import microsoft
from tests.communications.providers.answering import Answer, answering, closed_port
from wedsync_comms.lib import http

ROOT = Path(__file__).parent.parent
# As if they were not there: `python -c BLOCKED …` runs what follows without them.
BLOCKED = """
import sys
from importlib.machinery import PathFinder

class Production(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        missing = name.partition(".")[0] in {"sandbox", "starlette", "tests"}
        return None if missing else super().find_spec(name, path, target)

sys.meta_path = [Production if finder is PathFinder else finder for finder in sys.meta_path]
"""
PROCESSES = """
import wedsync_comms.wsgi, wedsync_comms.asgi, wedsync_comms.urls, wedsync_comms.tasks
from django.core.management import call_command
call_command("check", "--deploy", "--fail-level", "ERROR")
"""
MANAGE = """
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
PROVIDERS = ("RESEND_", "TWILIO_", "WHATSAPP_", "GOOGLE_", "MICROSOFT_")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `COPY . .` puts into the image."""
    folder = tmp_path_factory.mktemp("image")
    for name in image_names():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    return folder


def image_names() -> set[str]:
    everything, *rules = re.findall("^[^#].*", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert everything == "*"
    return {rule.removeprefix("!") for rule in rules if rule.startswith("!")}


def without_sandbox(image: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: v for name, v in os.environ.items() if not name.startswith(PROVIDERS)}
    wanted = {
        "DEBUG": "off",
        "SECRET_KEY": "only-for-this-test-" * 4,
        "PUBLIC_URL": "https://comms.example",
        "ALLOWED_HOSTS": "comms.example",
        "DJANGO_SETTINGS_MODULE": "wedsync_comms.settings",
    }
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code, *arguments],
        cwd=image,
        env=kept | wanted,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9][^ ;\\]+==[^ ;\\]+", (ROOT / lock).read_text(), re.MULTILINE))


def names(lock: str) -> set[str]:
    return {pin.partition("==")[0].partition("[")[0] for pin in pins(lock)}


def test_every_process_loads_without_the_sandbox(image: Path) -> None:
    loaded = without_sandbox(image, PROCESSES)

    assert loaded.returncode == 0, loaded.stderr


def test_the_sandbox_is_no_application() -> None:
    assert "sandbox" not in settings.INSTALLED_APPS


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("sandbox", "The sandbox is not installed here: see requirements-run.lock."),
        ("run", "nothing stands in for a provider without settings: set RESEND_API_KEY, TWILIO_"),
    ],
)
def test_a_command_that_needs_it_says_that_it_is_missing(
    image: Path, command: str, says: str
) -> None:
    tried = without_sandbox(image, MANAGE, command)

    assert tried.returncode == 1
    assert says in tried.stderr
    assert tried.stderr.startswith("CommandError: ")
    assert tried.stderr.count("\n") == 1


def test_the_production_lock_has_nothing_that_only_the_sandbox_needs() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]

    assert "starlette" in groups["sandbox"]
    assert "starlette" not in names("requirements.lock")
    assert set(groups["sandbox"]) <= names("requirements-run.lock")


def test_the_locks_agree_and_name_no_index() -> None:
    assert pins("requirements.lock") < pins("requirements-run.lock") < pins("requirements-dev.lock")
    extra = pins("requirements-sentry.lock") - pins("requirements.lock")
    assert [pin.partition("==")[0] for pin in extra] == ["sentry-sdk"]
    assert pins("requirements-sentry.lock") < pins("requirements-dev.lock")
    more = names("requirements-extras.lock") - names("requirements-sentry.lock")
    assert {"django-storages", "boto3"} < more
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()


def test_a_container_is_the_process_and_stops_as_that_does(tmp_path: Path) -> None:
    shutil.copy(ROOT / "become.sh", tmp_path)
    program = "import os; print(os.getpid(), os.environ.get('A'))"
    (tmp_path / "Procfile").write_text(f'web: {sys.executable} -c "{program}"\nlive: false\n')
    command = [str(tmp_path / "become.sh")]

    with subprocess.Popen([*command, "web"], env={"A": "b"}, stdout=subprocess.PIPE) as process:
        assert process.communicate()[0].decode().split() == [str(process.pid), "b"]
    wrong = subprocess.run([*command, "wbe"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 64
    assert wrong.stderr == "wbe is no process of the Procfile: name one of web live.\n"


def test_the_composition_waits_for_what_is_under_way() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    longest = max(sum(timeout) for timeout in (http.TIMEOUT, microsoft.TIMEOUT))
    grace = re.search(r"^worker: .*--grace (\d+)", (ROOT / "Procfile").read_text(), re.MULTILINE)

    for name in ("web", "live", "dispatcher", "worker"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > longest
    assert grace
    assert longest < int(grace[1]) < 45


@pytest.mark.parametrize("name", ["web", "live"])
def test_whether_a_container_is_healthy_is_no_question_for_a_proxy(name: str) -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    question = services[name]["healthcheck"]["test"][3]
    proxy = {"http_proxy": f"http://127.0.0.1:{closed_port()}"}

    with answering(Answer(200, {"status": "ok"})) as server:
        here = re.sub(r"127\.0\.0\.1:\d+", server.url.removeprefix("http://"), question)
        subprocess.run([sys.executable, "-c", here], env=proxy, check=True, timeout=30)
        assert server.asked[0].path == "/health/live"


def test_the_composition_is_read_by_older_versions_of_compose_too() -> None:
    written = (ROOT / "compose.yaml").read_text()

    # Alternatives came later than defaults, and than errors.
    assert set(re.findall(r"\$\{[A-Z_]+(:?.)", written)) <= {":-", ":?", "}"}
    services = yaml.safe_load(written)["services"]
    environment = services["web"]["environment"]
    assert environment["SELF_TEST_URL"] == "${SELF_TEST_URL:-${DOMAIN:-http://web:8000}}"


def test_the_image_runs_as_a_number() -> None:
    user = re.findall("^USER (.*)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert user == ["10001"]


def test_nothing_gets_into_the_image_that_only_lies_there() -> None:
    locks = {"requirements.lock", "requirements-sentry.lock", "requirements-extras.lock"}

    assert image_names() == {
        *("calendars", "communications", "health", "wedsync_comms", "static", "templates"),
        *("LICENSE", "Procfile", "become.sh", "manage.py"),
        *locks,
    }


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("20.19.0", ""),
        ("20.20.2", ""),
        ("22.12.0", ""),
        ("24.1.0", ""),
        (
            "18.20.4",
            "Node.js 18.20.4 does not do. Node.js 20.19 or newer is needed, 22.12 or newer of 22",
        ),
        ("20.18.1", "Node.js 20.18.1 does not do"),
        ("22.11.0", "Node.js 22.11.0 does not do"),
        (None, "Node.js or its npm was not found. Node.js 20.19 or newer is needed"),
    ],
)
@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_a_node_that_is_too_old_is_told_what_to_do(
    tmp_path: Path, version: str | None, says: str
) -> None:
    for name in ("sh", "awk", "cut"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    programs = {"npm": "", "node": f"echo v{version}"}
    for name, does in programs.items() if version else ():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)

    done = subprocess.run(
        [shutil.which("make") or "", "--no-print-directory", "node"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode != 0) == bool(says), done.stderr
    assert says in done.stdout
