"""A server is ready when it listens, and one that is configured wrongly does not start."""

import subprocess
import sys

import pytest
from django.conf import settings
from pytest_django import Settings

from wedsync_comms import loading

CONFIGURED = {"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "secret"}
LOADED = """
import sys
import wedsync_comms.{side}
print("calendars.providers.google.push" in sys.modules, "wedsync_comms.urls" in sys.modules)
"""


@pytest.mark.parametrize("side", ["wsgi", "asgi"])
def test_vendors_and_addresses_are_loaded_before_the_first_request(
    side: str,
    process_env: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(side=side)],
        cwd=settings.BASE_DIR,
        env=process_env | CONFIGURED,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "True True\n", done.stderr[-2000:]


def test_a_bad_entry_is_an_error_at_once(settings: Settings) -> None:
    settings.CALENDARS = {"mars": {"BACKEND": "mars.Calendar", "OPTIONS": {}}}
    with pytest.raises(ImportError, match="mars"):
        loading.preload_code()
