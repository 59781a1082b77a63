"""The environment of the tests, set before Django reads it (loaded by `-p tests.environment`).

`DATABASE_URL` and `REDIS_URL` decide which of the two runs this is: unset, it is SQLite and no
Redis; `python -m tests.servers` sets them to real servers of its own. Each worker of pytest-xdist
has a database (`tests.databases`) and a Redis of its own: channels know no database numbers.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

left_behind = ExitStack()

SECRET = "whsec_dGVzdHMtb2YtdGhlLXdlZHN5bmMtcHJvamVjdA=="

for name, value in {
    "DEBUG": "off",
    "SECRET_KEY": "only-for-the-tests-" * 4,
    "PUBLIC_URL": "http://testserver",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "RESEND_API_KEY": "re_tests",
    "RESEND_API_URL": "http://127.0.0.1:9/resend",
    "RESEND_WEBHOOK_SECRET": SECRET,
    "EMAIL_FROM": "Ever After <hello@everafter.example>",
    "ENCRYPTION_KEYS": "dGVzdHMtb2YtdGhlLXdlZHN5bmMtcHJvamVjdC0wMTI=",
    "LOG_LEVEL": "WARNING",
    # A test's connection is its own. Real processes have the default: `process_env`.
    "DATABASE_POOL": "off",
}.items():
    os.environ[name] = value

if "DATABASE_URL" not in os.environ:
    folder = Path(tempfile.mkdtemp(prefix="wedsync-tests-"))
    left_behind.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'tests.sqlite3'}"

files = Path(tempfile.mkdtemp(prefix="wedsync-files-"))
left_behind.callback(shutil.rmtree, files, ignore_errors=True)
os.environ["FILES_URL"] = str(files)

if os.environ.get("REDIS_URL") and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    os.environ["REDIS_URL"] = os.environ["REDIS_URLS"].split()[int(worker.removeprefix("gw"))]

# Workers are measured; processes that tests start are not: it makes each of them start slowly, and
# what decides is tested without them.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_unconfigure() -> None:
    left_behind.close()
