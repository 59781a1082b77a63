"""The small setup on one machine: which environment its processes get, and on which ports.

What is configured is used as it is. For the providers that are not, the sandbox stands in; what
had to be made up for that is left in a file, so that other commands on this machine can use it
while the setup runs.
"""

import base64
import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

Variables = dict[str, str]

# The package, and of what it needs that which nothing else here does. Production has neither.
SANDBOX = ("sandbox", "starlette")

LAST_PORT = 65535


class UnusablePort(Exception):
    """Says which, and how to choose another."""


def is_sandbox_installed() -> bool:
    return all(find_spec(name) for name in SANDBOX)


def unconfigured(given: Mapping[str, str]) -> list[str]:
    """Returns the variables whose absence says that a provider is not configured."""
    return [key for key in STAND_INS if not is_given(given, key)]


def is_given(given: Mapping[str, str], name: str) -> bool:
    """Whether a variable is there, or names a file that has its value."""
    return bool(given.get(name) or given.get(f"{name}_FILE"))


def missing_variables(
    given: Mapping[str, str], earlier: Mapping[str, str] | None = None
) -> Variables:
    """Returns what the processes need and `given` does not have.

    Credentials that were made up `earlier` stay as they were: the sandbox keeps its world over a
    restart, and no vendor changes its customers' keys overnight.
    """
    port = given.get("PORT") or "8000"
    sandbox_port = given.get("SANDBOX_PORT") or "8025"
    wanted = {
        "PORT": port,
        "SANDBOX_PORT": sandbox_port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DEMO_API_TOKEN": secrets.token_hex(20),
        "SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}/",
    }
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    for key in unconfigured(given):
        made_up = STAND_INS[key](sandbox)
        wanted |= made_up | {n: v for n, v in credentials(earlier or {}).items() if n in made_up}
    return {name: value for name, value in wanted.items() if not is_given(given, name)}


def credentials(made_up: Mapping[str, str]) -> Variables:
    """Returns what an account of a stand-in consists of, without the addresses it is reached at."""
    names = {name for stand_in in STAND_INS.values() for name in stand_in("")}
    return {n: v for n, v in made_up.items() if n in names and not n.endswith("_URL")}


def resend_stand_in(sandbox: str) -> Variables:
    return {
        "RESEND_API_KEY": f"re_sandbox_{secrets.token_hex(8)}",
        "RESEND_API_URL": f"{sandbox}/resend",
        "RESEND_WEBHOOK_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        "RESEND_RATE_PER_SECOND": "10",
        "EMAIL_FROM": "Ever After Weddings <hello@everafter.example>",
    }


def twilio_stand_in(sandbox: str) -> Variables:
    return {
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_URL": f"{sandbox}/twilio",
        "TWILIO_FROM": "+447700900000",
        "TWILIO_WHATSAPP_FROM": "+447700900001",
    }


def whatsapp_stand_in(sandbox: str) -> Variables:
    return {
        "WHATSAPP_ACCESS_TOKEN": f"sandbox_{secrets.token_hex(16)}",
        "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
        "WHATSAPP_BUSINESS_ACCOUNT_ID": "102290129340398",
        "WHATSAPP_APP_SECRET": secrets.token_hex(16),
        "WHATSAPP_VERIFY_TOKEN": secrets.token_hex(8),
        "WHATSAPP_API_URL": f"{sandbox}/graph",
    }


def google_stand_in(sandbox: str) -> Variables:
    return {
        "GOOGLE_CLIENT_ID": f"{secrets.token_hex(16)}.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": f"GOCSPX-{secrets.token_urlsafe(21)}",
        "GOOGLE_API_URL": f"{sandbox}/google",
        "GOOGLE_AUTH_URL": f"{sandbox}/google/o/oauth2/v2/auth",
        "GOOGLE_TOKEN_URL": f"{sandbox}/google/token",
    }


def microsoft_stand_in(sandbox: str) -> Variables:
    return {
        "MICROSOFT_CLIENT_ID": str(uuid4()),
        "MICROSOFT_CLIENT_SECRET": secrets.token_urlsafe(30),
        "MICROSOFT_TENANT": "common",
        "MICROSOFT_GRAPH_URL": f"{sandbox}/microsoft/v1.0",
        "MICROSOFT_AUTHORITY_URL": f"{sandbox}/microsoft",
    }


# What says that a provider is configured -> what its stand-in needs.
STAND_INS = {
    "RESEND_API_KEY": resend_stand_in,
    "TWILIO_ACCOUNT_SID": twilio_stand_in,
    "WHATSAPP_ACCESS_TOKEN": whatsapp_stand_in,
    "GOOGLE_CLIENT_ID": google_stand_in,
    "MICROSOFT_CLIENT_ID": microsoft_stand_in,
}


@dataclass(frozen=True)
class Handout:
    """The file in which the made-up values are, as long as their processes run."""

    path: Path

    def without_leftovers(self, given: Mapping[str, str]) -> Variables:
        """`given` without what a run that was killed left here: that is no configuration."""
        left = {name: value for name, value in self.read().items() if name != "DEBUG"}
        return {name: value for name, value in given.items() if left.get(name) != value}

    def read(self) -> Variables:
        if not self.path.exists():
            return {}
        pairs = (line.partition("=") for line in self.path.read_text().splitlines())
        return {name: shlex.split(value)[0] for name, _, value in pairs if value}

    def write(self, values: Variables) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f'{name}="{value}"\n' for name, value in values.items())

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def check_ports(variables: Variables) -> None:
    """Before anything starts: a process that cannot listen would take the others down with it."""
    ports = {name: variables[name] for name in ("PORT", "SANDBOX_PORT")}
    if len(set(ports.values())) < len(ports):
        raise UnusablePort(f"PORT and SANDBOX_PORT must differ; both are {ports['PORT']}.")
    for name, value in ports.items():
        if not (value.isdecimal() and 0 < int(value) <= LAST_PORT):
            raise UnusablePort(f"{name}={value} is no port: choose a number up to {LAST_PORT}.")
        if not is_free_port(int(value)):
            other = next((n for n in range(int(value) + 1, LAST_PORT) if is_free_port(n)), "…")
            raise UnusablePort(
                f"Port {value} is in use by another program. "
                f"Choose another one, for example: make run {name}={other}",
            )


def is_free_port(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do it: a connection that was closed a moment ago is not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
