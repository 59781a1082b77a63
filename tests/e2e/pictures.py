"""What all scripts that take pictures begin with: a system of their own, and where they go."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.browser import chromium
from tests.e2e.stack import Stack

Take = Callable[[Stack, Browser, Path], None]


def main(take: Take) -> None:
    """Into the folder named on the command line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="wedsync-pictures-") as place,
        Stack(Path(place)) as stack,
        chromium() as browser,
    ):
        for provider in ("resend", "twilio", "whatsapp"):
            stack.sandbox("PATCH", f"/{provider}", {"receipt_delay": 0.2})
        take(stack, browser, folder)
