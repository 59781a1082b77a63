"""From switching a fault on at a provider until `/api/health/` shows it, and from off until well.

`python -m tests.e2e.fault_times` starts the whole system as `make run` does, writes to somebody on
every channel once a second, and prints a line a fault and provider. It takes some ten minutes.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack

Json = dict[str, Any]

PROVIDERS = ("resend", "twilio", "whatsapp")
FAULTS: Mapping[str, Json] = {
    "answers 503": {"status": {"status": 503}},
    "refuses the key (401)": {"status": {"status": 401}},
    "hangs": {"hang": {}},
    "is slow": {"latency": {"seconds": 3.0}},
    "refuses as too fast": {"rate_limit": {}},
    "cuts the connection": {"drop_connection": {}},
}
# Several people: WhatsApp takes a message in six seconds for one.
PHONES = [f"+4477009001{number}" for number in range(10, 34)]
SOON = 5.0
SHOWN_WITHIN, WELL_WITHIN = 60.0, 180.0


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="wedsync-faults-") as place,
        Stack(Path(place)) as stack,
    ):
        # Who has just written may be answered freely.
        for phone in PHONES:
            stack.writes("whatsapp", phone, "Hello?")
        time.sleep(SOON)
        wait(stack, {"operational"}, WELL_WITHIN)
        for name, fault in FAULTS.items():
            for provider in PROVIDERS:
                stack.sandbox("PUT", f"/{provider}/faults", fault)
            shown = wait(stack, {"degraded", "down"}, SHOWN_WITHIN)
            for provider in PROVIDERS:
                stack.sandbox("DELETE", f"/{provider}/faults")
            well = wait(stack, {"operational"}, WELL_WITHIN)
            for provider in PROVIDERS:
                line(provider, name, shown.get(provider), well.get(provider))


def line(provider: str, name: str, shown: float | None, well: float | None) -> None:
    after, recovered = (
        f"{seconds:.1f} s" if seconds else "not in time" for seconds in (shown, well)
    )
    sys.stdout.write(f"{provider} {name}: shown after {after}, well after {recovered}\n")
    sys.stdout.flush()


def wait(stack: Stack, states: set[str], seconds: float) -> dict[str, float]:
    """Goes on sending until all of them are in such a state; after how many seconds each was."""
    began, found, phones = time.monotonic(), dict[str, float](), cycle(PHONES)
    while len(found) < len(PROVIDERS) and time.monotonic() - began < seconds:
        phone = next(phones)
        for channel in ("email", "sms", "whatsapp"):
            send(stack, channel, "emma@guests.example" if channel == "email" else phone)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            for provider in stack.api("GET", "/health/")["providers"]:
                if provider["provider"] in PROVIDERS and provider["status"] in states:
                    found.setdefault(provider["provider"], time.monotonic() - began)
            time.sleep(0.2)
    return found


def send(stack: Stack, channel: str, to: str) -> None:
    body: Json = {"channel": channel, "to": to, "body": "Are you there?"}
    if channel == "email":
        body["subject"] = "Are you there?"
    stack.api("POST", "/messages/", body)


if __name__ == "__main__":
    main()
